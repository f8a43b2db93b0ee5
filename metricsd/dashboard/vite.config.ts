import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// The names of the files are fixed: metricsd is built with exactly these in it (metricsd/CMakeLists.txt).
export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      output: { entryFileNames: "app.js", assetFileNames: "app[extname]", inlineDynamicImports: true },
    },
  },
  esbuild: { legalComments: "eof" },
  server: {
    proxy: { "/api": "http://127.0.0.1:5001" }, // npm run dev, beside a running stack
    fs: { allow: ["../.."] }, // tests compare with the tables in common/
  },
  test: { include: ["src/**/*.test.ts"] },
});

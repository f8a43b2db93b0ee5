// llhttp_peer.js - Node's HTTP server, which reads with llhttp, in strict mode: it answers each request with what it understood of
// it, in the field Seen, in the words of httpd_echo; what llhttp refuses gets a 400 with its code in the field Llhttp. It listens on
// a free port, says "READY llhttp_peer port=N version=V", and ends with its standard input.
"use strict";
const http = require("http");

const BASIS = 0x811c9dc5, PRIME = 0x01000193;

function mix(digest, bytes) {
  for (const byte of bytes) digest = Math.imul(digest ^ byte, PRIME);
  return digest;
}

const hex = (digest) => (digest >>> 0).toString(16).padStart(8, "0");

function seen(request, response, body) {
  let fields = BASIS;
  const raw = request.rawHeaders;
  for (let i = 0; i < raw.length; i += 2) fields = mix(fields, Buffer.from(`${raw[i]}:${raw[i + 1]}\n`, "latin1"));
  return `${request.method} ${request.url} HTTP/${request.httpVersion} fields=${raw.length / 2}:${hex(fields)} ` +
    `body=${body.length}:${hex(mix(BASIS, body))} stay=${response.shouldKeepAlive ? 1 : 0}`;
}

function answer(request, response) {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    response.writeHead(200, { Seen: seen(request, response, Buffer.concat(pieces)), "Content-Length": 0 });
    response.end();
  });
}

// What was read before the refusal is answered first: those answers are under way.
function refuse(error, socket) {
  setImmediate(() => {
    if (!socket.writable) return socket.destroy();
    const code = String(error.code).replace(/[^A-Z_]/g, "");
    socket.end(`HTTP/1.1 400 Bad Request\r\nLlhttp: ${code}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    socket.resume();
  });
}

const server = http.createServer({ insecureHTTPParser: false, requireHostHeader: false, keepAliveTimeout: 0 }, answer);
server.httpAllowHalfOpen = true;
server.headersTimeout = server.requestTimeout = server.timeout = 0;
for (const event of ["checkContinue", "checkExpectation"]) server.on(event, answer);
server.on("clientError", refuse);
server.listen({ host: "127.0.0.1", port: 0, backlog: 511 }, () => {
  console.log(`READY llhttp_peer port=${server.address().port} version=${process.versions.llhttp} methods=${http.METHODS.join(",")}`);
});
process.stdin.on("end", () => process.exit(0)).resume();

import { Component, type ReactNode } from "react";

/** A part that fails says so, and the others go on. Another `key` begins anew. */
export class Boundary extends Component<{ said: string; children: ReactNode }, { failed: string | null }> {
  override state = { failed: null };

  static getDerivedStateFromError(error: unknown) {
    return { failed: error instanceof Error ? error.message : String(error) };
  }

  override render() {
    if (this.state.failed === null)
      return this.props.children;
    return <p role="alert" className="rounded-lg border border-bad bg-card p-3 text-sm">{this.props.said} <code className="text-xs text-faint">{this.state.failed}</code></p>;
  }
}

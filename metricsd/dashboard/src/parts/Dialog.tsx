import { useEffect, useId, useRef, type ReactNode } from "react";

/** A question in front of the page: Escape and `close` leave it, and the focus goes back where it was. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ReactNode }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;

    element?.showModal();
    return () => {
      element?.close();
      if (before instanceof HTMLElement)
        before.focus();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onCancel={(event) => (event.preventDefault(), close())}
      className="m-auto w-full max-w-md rounded-lg border border-line bg-card p-4 text-ink backdrop:bg-black/50">
      <h2 id={id} className="mb-2 text-base font-semibold">{title}</h2>
      {children}
    </dialog>
  );
}

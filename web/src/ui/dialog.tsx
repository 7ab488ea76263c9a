// Dialogs are the browser's own <dialog>: it keeps the focus inside, the rest of the page inert, and gives the focus
// back when it closes.

import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icons';

interface DialogProps {
  title: string;
  on_close: () => void;
  children: ComponentChildren;
  /** 'alertdialog' for what interrupts: a question before a hang-up, a call that rings. */
  role?: 'dialog' | 'alertdialog';
  name?: string;
  /** Keys that mean something wherever in the dialog the focus is. */
  on_key?: (event: KeyboardEvent) => void;
}

export function Dialog({ title, on_close, children, role = 'dialog', name, on_key }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = element.current;
    if (!dialog) return;
    const before = document.activeElement;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      role={role}
      aria-labelledby={id}
      data-dialog={name}
      onKeyDown={on_key}
      onCancel={(event) => {
        event.preventDefault();
        on_close();
      }}
      onClick={(event) => {
        if (event.target === element.current) on_close();
      }}
    >
      <div class="dialog-body">
        <header>
          <h2 id={id} tabIndex={-1} autofocus={role === 'alertdialog'}>
            {title}
          </h2>
          <button type="button" class="button quiet small" aria-label="Close" onClick={on_close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

// What a button does, while it does it, and what became of it. Every group of buttons has one Actions: errors stand in
// words below the buttons and are read out.

import { type Signal, useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Problem } from '../api';
import { online } from '../store';
import { Icon, type IconName } from './icons';

export interface Actions {
  pending: Signal<ReadonlySet<string>>;
  problem: Signal<string>;
  /** Which field of the request the problem is about; empty: none in particular. */
  field: Signal<string>;
  done: Signal<string>;
  /** Runs it unless it runs already. True if it went well. */
  run(name: string, act: () => Promise<unknown>, done?: string): Promise<boolean>;
}

export function useActions(): Actions {
  const pending = useSignal<ReadonlySet<string>>(new Set());
  const problem = useSignal('');
  const field = useSignal('');
  const done = useSignal('');
  const alive = useRef(true);
  useEffect(
    () => () => {
      alive.current = false;
    },
    [],
  );
  const run = async (name: string, act: () => Promise<unknown>, words = '') => {
    if (pending.value.has(name)) return false;
    pending.value = new Set(pending.value).add(name);
    problem.value = '';
    field.value = '';
    done.value = '';
    try {
      await act();
      if (alive.current) done.value = words;
      return true;
    } catch (error) {
      if (alive.current) {
        field.value = error instanceof Problem ? (error.field ?? '') : '';
        problem.value = error instanceof Error ? error.message : String(error);
      }
      return false;
    } finally {
      const rest = new Set(pending.value);
      rest.delete(name);
      pending.value = rest;
    }
  };
  return { pending, problem, field, done, run };
}

interface ButtonProps {
  actions: Actions;
  name: string;
  /** Missing in the button that submits an ActionForm: the form knows. */
  act?: () => Promise<unknown>;
  children: ComponentChildren;
  icon?: IconName;
  kind?: 'plain' | 'primary' | 'danger' | 'quiet' | 'good';
  pressed?: boolean | undefined;
  disabled?: boolean;
  done?: string;
  title?: string;
  /** For tests and the keyboard's shortcuts: which action this is. */
  of?: string;
}

/** A button that asks the server for something. Off while the server cannot be reached. */
export function ActionButton(props: ButtonProps) {
  const { actions, name, act, icon, kind = 'plain', pressed, disabled = false } = props;
  const busy = actions.pending.value.has(name);
  return (
    <button
      type={act ? 'button' : 'submit'}
      class={`button ${kind}${busy ? ' busy' : ''}`}
      disabled={disabled || !online.value}
      aria-pressed={pressed}
      aria-busy={busy}
      title={props.title}
      data-action={props.of ?? name}
      onClick={act && (() => void actions.run(name, act, props.done))}
    >
      {icon && <Icon name={icon} />}
      <span>{props.children}</span>
    </button>
  );
}

interface FormProps {
  actions: Actions;
  name: string;
  act: () => Promise<unknown>;
  /** False while something that is needed is missing. */
  ready: boolean;
  children: ComponentChildren;
  done?: string;
  class?: string;
  labelled_by?: string;
}

/** A form that is sent with its button (an ActionButton of the same name without `act`) or with Enter in a field. */
export function ActionForm(props: FormProps) {
  return (
    <form
      class={props.class}
      aria-labelledby={props.labelled_by}
      onSubmit={(event) => {
        event.preventDefault();
        if (props.ready && online.value) void props.actions.run(props.name, props.act, props.done);
      }}
    >
      {props.children}
    </form>
  );
}

/** The problem of the last action, or that it went well. Always there, so that screen readers watch it. `fields` tell their own. */
export function ActionNote({ actions, fields = [] }: { actions: Actions; fields?: readonly string[] }) {
  return (
    <div class="action-note">
      <div role="alert">
        {actions.problem.value && !fields.includes(actions.field.value) && (
          <p class="problem">
            {actions.problem.value}
            <button
              type="button"
              class="button quiet small"
              aria-label="Dismiss this message"
              onClick={() => {
                actions.problem.value = '';
              }}
            >
              <Icon name="close" />
            </button>
          </p>
        )}
      </div>
      <div role="status">{actions.done.value && <p class="done">{actions.done.value}</p>}</div>
    </div>
  );
}

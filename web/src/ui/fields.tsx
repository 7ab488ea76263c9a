// Rows of forms: a label with its field. Each writes into the signal that it shows, and tells what the program finds wrong with it.

import type { Signal } from '@preact/signals';
import type { ComponentChildren, JSX, Ref } from 'preact';
import { useEffect, useId } from 'preact/hooks';
import { field_words } from '../orders';
import type { Actions } from './actions';

type Text = 'text' | 'number' | 'date' | 'search';

interface TextProps {
  label: string;
  value: Signal<string>;
  type?: Text;
  /** Numbers and addresses to dial: what a telephone's keys give. */
  dial?: boolean;
  /** An address with a scheme. */
  url?: boolean;
  /** With `actions`: what the API calls it. */
  name?: string;
  /** Whose problem is shown here if it is about this field; their ActionNote has to know that. */
  actions?: Actions;
  placeholder?: string;
  class?: string;
  min?: number;
  max?: number;
  /** Of a list of suggestions, which may be given as children. */
  list?: string;
  field?: Ref<HTMLInputElement>;
  children?: ComponentChildren;
}

/** What the program finds wrong with the field of that id. The field gets the focus. */
function FieldProblem({ actions, name, id }: { actions: Actions; name: string; id: string }) {
  const words = problem_of(actions, name);
  useEffect(() => {
    if (!words) return;
    const field = document.getElementById(id);
    const folded = field?.closest('details');
    if (folded) folded.open = true;
    field?.focus();
  }, [words]);
  if (!words) return null;
  return (
    <p class="problem" role="alert" id={`${id}-problem`}>
      {words}
    </p>
  );
}

function problem_of(actions: Actions | undefined, name: string | undefined): string {
  if (!actions || !name || actions.field.value !== name) return '';
  return field_words(actions.problem.value, name);
}

export function TextField(props: TextProps) {
  const { label, value, type = 'text', dial = false, children } = props;
  const given: Record<string, unknown> = { type };
  for (const one of ['name', 'placeholder', 'min', 'max', 'list'] as const) if (props[one] !== undefined) given[one] = props[one];
  if (dial) given['inputMode'] = 'tel';
  if (props.url) given['inputMode'] = 'url';
  if (props.field) given['ref'] = props.field;
  const { actions, name } = props;
  const id = useId();
  return with_problem(
    actions,
    name,
    id,
    <label class={`field ${props.class ?? ''}`}>
      {label}
      <input
        autocomplete="off"
        spellcheck={false}
        {...given}
        {...wrong(actions, name, id)}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
      {children}
    </label>,
  );
}

/** The row, with what is wrong with its field below it. */
function with_problem(actions: Actions | undefined, name: string | undefined, id: string, row: JSX.Element): JSX.Element {
  if (!actions || !name) return row;
  return (
    <div class="field-box">
      {row}
      <FieldProblem actions={actions} name={name} id={id} />
    </div>
  );
}

/** Attributes of a field that tells its own problem. */
function wrong(actions: Actions | undefined, name: string | undefined, id: string): Record<string, unknown> {
  if (!actions || !name) return {};
  return problem_of(actions, name) ? { id, 'aria-invalid': true, 'aria-describedby': `${id}-problem` } : { id };
}

interface SelectProps {
  label: string;
  value: Signal<string>;
  class?: string;
  name?: string;
  actions?: Actions;
  children: ComponentChildren;
}

export function SelectField(props: SelectProps) {
  const { label, value, actions, name } = props;
  const id = useId();
  return with_problem(
    actions,
    name,
    id,
    <label class={`field ${props.class ?? ''}`}>
      {label}
      <select
        {...wrong(actions, name, id)}
        value={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.value;
        }}
      >
        {props.children}
      </select>
    </label>,
  );
}

export function CheckField({ label, value, name }: { label: string; value: Signal<boolean>; name?: string }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        {...(name ? { name } : {})}
        checked={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.checked;
        }}
      />
      {label}
    </label>
  );
}

// Rows of forms: a label with its field. Each writes into the signal that it shows.

import type { Signal } from '@preact/signals';
import type { ComponentChildren, Ref } from 'preact';

type Text = 'text' | 'number' | 'date' | 'search';

interface TextProps {
  label: string;
  value: Signal<string>;
  type?: Text;
  /** Numbers and addresses to dial: what a telephone's keys give. */
  dial?: boolean;
  name?: string;
  placeholder?: string;
  class?: string;
  min?: number;
  max?: number;
  /** Of a list of suggestions, which may be given as children. */
  list?: string;
  field?: Ref<HTMLInputElement>;
  children?: ComponentChildren;
}

export function TextField(props: TextProps) {
  const { label, value, type = 'text', dial = false, children } = props;
  const given: Record<string, unknown> = { type };
  for (const one of ['name', 'placeholder', 'min', 'max', 'list'] as const) if (props[one] !== undefined) given[one] = props[one];
  if (dial) given['inputMode'] = 'tel';
  if (props.field) given['ref'] = props.field;
  return (
    <label class={`field ${props.class ?? ''}`}>
      {label}
      <input
        autocomplete="off"
        spellcheck={false}
        {...given}
        value={value.value}
        onInput={(event) => {
          value.value = event.currentTarget.value;
        }}
      />
      {children}
    </label>
  );
}

export function SelectField(props: { label: string; value: Signal<string>; class?: string; children: ComponentChildren }) {
  const { label, value } = props;
  return (
    <label class={`field ${props.class ?? ''}`}>
      {label}
      <select
        value={value.value}
        onChange={(event) => {
          value.value = event.currentTarget.value;
        }}
      >
        {props.children}
      </select>
    </label>
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

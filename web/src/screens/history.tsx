// The calls that are over, newest first.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { get } from '../api';
import { clock, peer, pretty_number, state_tone, state_words, when } from '../format';
import { ended_count, epoch, online } from '../store';
import type { Call } from '../types';
import { ActionButton, ActionNote, useActions } from '../ui/actions';
import { Icon } from '../ui/icons';

const kStates = [
  ['ended', 'All that are over'],
  ['completed', 'Ended normally'],
  ['no-answer', 'No answer'],
  ['busy', 'Busy'],
  ['failed', 'Failed'],
  ['canceled', 'Cancelled'],
] as const;

interface Page {
  calls: Call[];
  next: string | null;
}

export function History() {
  const actions = useActions();
  const state = useSignal<string>('ended');
  const since = useSignal('');
  const calls = useSignal<Call[] | null>(null);
  const next = useSignal<string | null>(null);

  const address = (cursor?: string) => {
    const asked = new URLSearchParams({ state: state.value, limit: '50' });
    if (since.value) asked.set('since', new Date(since.value + 'T00:00:00').toISOString());
    if (cursor) asked.set('cursor', cursor);
    return `/calls?${asked}`;
  };
  useEffect(() => {
    if (!online.value) return;
    let mine = true;
    void actions.run(`list ${address()} ${performance.now()}`, async () => {
      const page = await get<Page>(address());
      if (!mine) return;
      calls.value = page.calls;
      next.value = page.next;
    });
    return () => {
      mine = false;
    };
  }, [state.value, since.value, epoch.value, ended_count.value]);
  const more = async () => {
    const page = await get<Page>(address(next.value ?? ''));
    const known = new Set(calls.value?.map((call) => call.call));
    calls.value = [...(calls.value ?? []), ...page.calls.filter((call) => !known.has(call.call))];
    next.value = page.next;
  };
  return (
    <>
      <h1 tabIndex={-1}>History</h1>
      <div class="filters">
        <label class="field inline">
          Show
          <select
            value={state.value}
            onChange={(event) => {
              state.value = event.currentTarget.value;
            }}
          >
            {kStates.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <label class="field inline">
          Since
          <input
            type="date"
            value={since.value}
            onInput={(event) => {
              since.value = event.currentTarget.value;
            }}
          />
        </label>
      </div>
      <ActionNote actions={actions} />
      {calls.value === null ? (
        <p class="hint" role="status">
          {actions.problem.value ? '' : 'Loading…'}
        </p>
      ) : calls.value.length === 0 ? (
        <div class="empty">
          <Icon name="history" />
          <p>No such call.</p>
        </div>
      ) : (
        <ul class="rows card" aria-label="Calls that are over">
          {calls.value.map((call) => (
            <Row key={call.call} call={call} />
          ))}
        </ul>
      )}
      {next.value && (
        <ActionButton actions={actions} name="more" act={more}>
          Show older calls
        </ActionButton>
      )}
    </>
  );
}

function Row({ call }: { call: Call }) {
  const tone = state_tone(call);
  const number = peer(call);
  return (
    <li class="row">
      <a href={`/calls/${encodeURIComponent(call.call)}`}>
        <span class={`way ${tone}`}>
          <Icon name={call.direction} />
          <span class="sr">{call.direction === 'inbound' ? 'From' : 'To'}</span>
        </span>
        <span class="row-main">
          <b>{pretty_number(number)}</b>
          <small>
            {state_words(call)}
            {call.reason && call.reason !== 'completed' ? ` · ${call.reason}` : ''}
            {call.agent ? ` · agent ${call.agent.name}` : ''}
          </small>
        </span>
        <span class="row-end">
          <span>{when(call.created)}</span>
          <small>{clock(call.streamed_ms || 0)}</small>
        </span>
      </a>
      {call.direction === 'outbound' || call.from ? (
        <a class="button quiet small" href={`/dial?to=${encodeURIComponent(number)}`} aria-label={`Dial ${pretty_number(number)} again`}>
          <Icon name="dial" />
        </a>
      ) : null}
    </li>
  );
}

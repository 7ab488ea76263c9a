// The calls that are over, of every run of the program, newest first. What is looked for stands in the address: the browser's way
// back from a call leads to the same list.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { get } from '../api';
import { clock, dialable, peer, pretty_number, state_tone, state_words, when } from '../format';
import { path, query } from '../router';
import { ended_count, epoch, online } from '../store';
import type { Call, Match } from '../types';
import { snippet_parts } from '../transcript';
import { ActionButton, ActionNote, useActions } from '../ui/actions';
import { SelectField, TextField } from '../ui/fields';
import { Icon, type IconName } from '../ui/icons';
import { kFarName, near_name_of_all } from '../words';

const kStates = [
  ['ended', 'All'],
  ['completed', 'Ended normally'],
  ['no-answer', 'No answer'],
  ['busy', 'Busy'],
  ['failed', 'Failed'],
  ['canceled', 'Cancelled'],
] as const;

const kFilters = ['q', 'state', 'direction', 'number', 'since', 'until'] as const;
type Filters = Record<(typeof kFilters)[number], Signal<string>>;
const kDefaults: Partial<Record<keyof Filters, string>> = { state: 'ended' };
/** Whoever types is let finish. */
const kPause = 250;
const kMatches = 4;

interface Page {
  calls: Call[];
  next: string | null;
}

/** Midnight here, `days` after that date; empty for what is no date. */
function midnight(date: string, days = 0): string {
  const time = new Date(date + 'T00:00:00');
  if (date === '' || Number.isNaN(time.getTime())) return '';
  time.setDate(time.getDate() + days);
  return time.toISOString();
}

function request_of(filters: Filters, cursor?: string | null): string {
  const asked = new URLSearchParams({ state: filters.state.value, limit: '50' });
  const given = {
    q: filters.q.value.trim(),
    direction: filters.direction.value,
    number: dialable(filters.number.value),
    since: midnight(filters.since.value),
    until: midnight(filters.until.value, 1),
    cursor: cursor ?? '',
  };
  for (const [name, value] of Object.entries(given)) if (value) asked.set(name, value);
  return `/calls?${asked}`;
}

function use_filters(): Filters {
  const value = (name: keyof Filters) => query.value.get(name) ?? kDefaults[name] ?? '';
  const filters: Filters = {
    q: useSignal(value('q')),
    state: useSignal(value('state')),
    direction: useSignal(value('direction')),
    number: useSignal(value('number')),
    since: useSignal(value('since')),
    until: useSignal(value('until')),
  };
  // A link to this screen, or the way back to it.
  useEffect(() => {
    if (path.value === '/history') for (const name of kFilters) filters[name].value = value(name);
  }, [query.value]);
  const set = kFilters.filter((name) => filters[name].value !== (kDefaults[name] ?? ''));
  const address = new URLSearchParams(set.map((name) => [name, filters[name].value])).toString();
  useEffect(() => {
    if (path.value === '/history') history.replaceState(null, '', address ? `/history?${address}` : '/history');
  }, [address]);
  return filters;
}

export function History() {
  const actions = useActions();
  const filters = use_filters();
  const calls = useSignal<Call[] | null>(null);
  const next = useSignal<string | null>(null);
  const asked = request_of(filters);
  const listed = useRef('');

  useEffect(() => {
    if (!online.value) return undefined;
    let mine = true;
    const list = () =>
      void actions.run(`list ${asked} ${performance.now()}`, async () => {
        const page = await get<Page>(asked);
        if (!mine) return;
        listed.current = asked;
        calls.value = page.calls;
        next.value = page.next;
      });
    const timer = setTimeout(list, listed.current === '' || listed.current === asked ? 0 : kPause);
    return () => {
      mine = false;
      clearTimeout(timer);
    };
  }, [asked, epoch.value, ended_count.value]);
  const more = async () => {
    const page = await get<Page>(request_of(filters, next.value));
    if (listed.current !== asked) return;
    const known = new Set(calls.value?.map((call) => call.call));
    calls.value = [...(calls.value ?? []), ...page.calls.filter((call) => !known.has(call.call))];
    next.value = page.next;
  };
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>History</h1>
        <a class="button" href="/recordings">
          <Icon name="record" />
          <span>Recordings</span>
        </a>
      </div>
      <FilterRow filters={filters} />
      <ActionNote actions={actions} />
      {calls.value === null ? (
        <p class="hint" role="status">
          {actions.problem.value ? '' : 'Loading…'}
        </p>
      ) : calls.value.length === 0 ? (
        <div class="empty" role="status">
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

function FilterRow({ filters }: { filters: Filters }) {
  const set = kFilters.some((name) => filters[name].value !== (kDefaults[name] ?? ''));
  return (
    <form class="filter-grid" role="search" aria-label="Calls that are over" onSubmit={(event) => event.preventDefault()}>
      <TextField
        label="Search"
        type="search"
        class="wide"
        name="q"
        placeholder="words that were said, numbers, reasons"
        value={filters.q}
      />
      <TextField label="Number" dial name="number" placeholder="+1 555 123 4567" value={filters.number} />
      <SelectField label="Way" value={filters.direction}>
        <option value="">In and out</option>
        <option value="inbound">Came in</option>
        <option value="outbound">Went out</option>
      </SelectField>
      <SelectField label="Outcome" value={filters.state}>
        {kStates.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      <TextField label="Since" type="date" name="since" value={filters.since} />
      <TextField label="Until" type="date" name="until" value={filters.until} />
      <button
        type="button"
        class="button quiet"
        disabled={!set}
        onClick={() => {
          for (const name of kFilters) filters[name].value = kDefaults[name] ?? '';
        }}
      >
        Show all
      </button>
    </form>
  );
}

const kTraits: [keyof Call, IconName, string][] = [
  ['recorded', 'record', 'Recorded'],
  ['transcribed', 'words', 'Transcript'],
  ['captured', 'capture', 'Capture'],
];

function Row({ call }: { call: Call }) {
  const tone = state_tone(call);
  const number = peer(call);
  const traits = kTraits.filter(([name]) => call[name] === true);
  return (
    <li class="row-box">
      <div class="row">
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
            {traits.length > 0 && (
              <span class="traits">
                {traits.map(([name, icon, words]) => (
                  <span key={name} class="chip">
                    <Icon name={icon} />
                    {words}
                  </span>
                ))}
              </span>
            )}
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
      </div>
      {call.matches && call.matches.length > 0 && <Found call={call} matches={call.matches} />}
    </li>
  );
}

const kWhere: Record<Match['where'], string> = { transcript: '', number: 'Number', reason: 'Reason', message: 'Message' };

/** Where the search found its words; what was said leads to its place in the call. */
function Found({ call, matches }: { call: Call; matches: readonly Match[] }) {
  const id = encodeURIComponent(call.call);
  return (
    <ul class="found" aria-label="Found">
      {matches.slice(0, kMatches).map((match, n) => {
        const said = match.where === 'transcript';
        const who = said ? (match.speaker === 'near' ? near_name_of_all(call) : kFarName) : kWhere[match.where];
        return (
          <li key={n}>
            <span class="hint">
              {match.begin_ms === undefined ? '' : `${clock(match.begin_ms)} `}
              {who}
              {who ? ': ' : ''}
            </span>
            {match.begin_ms === undefined ? (
              <Snippet text={match.snippet} />
            ) : (
              <a href={`/calls/${id}?at=${Math.max(0, Math.round(match.begin_ms))}`}>
                <Snippet text={match.snippet} />
              </a>
            )}
          </li>
        );
      })}
      {matches.length > kMatches && <li class="hint">and {matches.length - kMatches} more</li>}
    </ul>
  );
}

function Snippet({ text }: { text: string }) {
  return <span class="snippet">{snippet_parts(text).map((part, n) => (part.marked ? <mark key={n}>{part.text}</mark> : part.text))}</span>;
}

// One call, live or over: what happened when, how the sound fared, what was said. It has an address of its own.

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { lazy } from '../ui/lazy';
import { Problem, call_path, get } from '../api';
import { clock, figures, is_final, millis, offset, peer, pretty_number, state_tone, state_words, when } from '../format';
import { shown_gaps, with_gaps } from '../gaps';
import { epoch, model, online } from '../store';
import type { Call, CaptureReport, Gap, Timeline, TimelineEvent } from '../types';
import { Figures } from '../ui/figures';
import { Icon } from '../ui/icons';
import { CallCard } from './call_card';
import { Gaps, NoGaps } from './gaps';
import { DeleteDialog, Download, Kept, use_kept } from './kept';
import { kFarName } from '../words';
import { Words } from './words';

const Plots = lazy(() => import('./plots').then((module) => module.Plots));
/** While the call is up its timeline is fetched this often. */
const kRefresh = 2000;

const kLanes: Record<string, string> = {
  webhook: 'Webhooks',
  stream: 'Stream',
  state: 'State',
  mark: 'Marks',
  clear: 'Clears',
  dtmf: 'Keys',
  agent: 'Agent',
  words: 'Words',
  transfer: 'Transfer',
  local: 'Here',
  recording: 'Kept',
  warning: 'Warnings',
  gap: 'Gaps',
};

export function CallScreen({ id }: { id: string }) {
  const known = model.value.get(id);
  const fetched = useSignal<Call | null>(null);
  const timeline = useSignal<Timeline | null>(null);
  const report = useSignal<CaptureReport | null>(null);
  const problem = useSignal('');
  const live = known !== undefined && !is_final(known.call.state);

  useEffect(() => {
    if (!online.value) return;
    let stopped = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        const [call, events] = await Promise.all([
          get<Call>(call_path(id)).catch((error: unknown) => {
            // A call that is long over may be left in its timeline only.
            if (error instanceof Problem && error.status === 404) return null;
            throw error;
          }),
          get<Timeline>(call_path(id, '/timeline')).catch((error: unknown) => {
            if (error instanceof Problem && error.status === 404) return null;
            throw error;
          }),
        ]);
        if (stopped) return;
        fetched.value = call;
        timeline.value = events;
        problem.value = call || events ? '' : 'There is no such call (any more).';
      } catch (error) {
        if (!stopped) problem.value = error instanceof Error ? error.message : String(error);
      }
      // What is kept of a call is known soon after its end only.
      const settling = fetched.value !== null && is_final(fetched.value.state) && fetched.value.captured === undefined;
      if (!stopped && (live || settling)) timer = setTimeout(() => void load(), kRefresh);
    };
    void load();
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [id, epoch.value, live]);

  // What is fetched of a call that is over says more than its last event: what is kept of it.
  const over = fetched.value && is_final(fetched.value.state) ? fetched.value : undefined;
  const call = over ?? known?.call ?? fetched.value;
  const kept = use_kept(id, call !== null && !live);
  const words = kept.value?.transcript ? [] : (known?.words ?? []);
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>{call ? `Call ${call.direction === 'inbound' ? 'from' : 'to'} ${pretty_number(peer(call))}` : 'Call'}</h1>
      </div>
      {problem.value && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      {live && known ? <CallCard known={known} whole /> : call && <Summary call={call} />}
      {call && !live && <Kept call={call} kept={kept} />}
      {words.length > 0 && (
        <section class="card" aria-labelledby="words">
          <h2 id="words">What was said</h2>
          <Words words={words} label="What was said" tall />
        </section>
      )}
      {call && <CallFigures call={call} />}
      {over?.captured && <Gaps call={over} report={report} />}
      {over?.captured === false && over.streamed_ms > 0 && <NoGaps />}
      {timeline.value && (
        <Happened
          timeline={with_gaps(timeline.value, report.value)}
          gaps={report.value?.gaps ?? []}
          said={words.length === 0 && !kept.value?.transcript}
        />
      )}
    </>
  );
}

function Summary({ call }: { call: Call }) {
  const deleting = useSignal(false);
  return (
    <section class={`card call ${state_tone(call)}`} aria-label="How it ended">
      <header class="call-head">
        <span class={`badge ${state_tone(call)}`}>
          <span class="dot" aria-hidden="true" />
          {state_words(call)}
        </span>
        <span class="hint">{when(call.created)}</span>
        <span class="timer">{clock(call.streamed_ms)}</span>
      </header>
      {call.reason && <p>{call.reason}</p>}
      <div class="controls">
        <a class="button" href={`/dial?to=${encodeURIComponent(peer(call))}`}>
          <Icon name="dial" />
          <span>Dial again</span>
        </a>
        {call.captured && <Download href={call_path(call.call, '/capture')} name={`${call.call}.abcap`} words="Capture" />}
        <button
          type="button"
          class="button danger push"
          data-action="delete"
          aria-haspopup="dialog"
          disabled={!online.value}
          onClick={() => (deleting.value = true)}
        >
          <Icon name="delete" />
          <span>Delete</span>
        </button>
      </div>
      {deleting.value && <DeleteDialog call={call} on_close={() => (deleting.value = false)} />}
    </section>
  );
}

function CallFigures({ call }: { call: Call }) {
  const total = call.turns?.legs.total;
  const rows: [string, string][] = [
    ['From', pretty_number(call.from) || '–'],
    ['To', pretty_number(call.to) || '–'],
    ['Call', call.call],
    ['At the carrier', call.call_sid || '–'],
    ['Sound streamed', clock(call.streamed_ms)],
    ['Sound lost', millis(call.lost_ms)],
  ];
  if (call.billed_s !== undefined) rows.push(['Billed', clock(call.billed_s * 1000)]);
  if (call.playout) rows.push(['Jitter', millis(call.playout.jitter_ms)], ['Concealed', millis(call.playout.concealed_ms)]);
  if (call.outbound) rows.push(['Round trip', millis(call.outbound.round_trip_ms)]);
  if (call.turns && total && total.count > 0) {
    rows.push(
      ['Turns', String(call.turns.count)],
      ['Answer after, median', millis(total.p50_ms)],
      ['Answer after, p95', millis(total.p95_ms)],
    );
  }
  return (
    <section class="card" aria-labelledby="figures">
      <h2 id="figures">Figures</h2>
      <Figures rows={rows} />
    </section>
  );
}

function Happened({ timeline, gaps, said }: { timeline: Timeline; gaps: readonly Gap[]; said: boolean }) {
  const lane = useSignal('');
  const lanes = Object.keys(kLanes).filter((name) => timeline.events.some((event) => event.lane === name));
  const shown = timeline.events.filter((event) => lane.value === '' || event.lane === lane.value);
  const words = said ? timeline.events.filter((event) => event.lane === 'words') : [];
  return (
    <>
      {words.length > 0 && (
        <section class="card" aria-labelledby="words">
          <h2 id="words">What was said</h2>
          <div class="words tall" tabIndex={0} role="region" aria-label="Everything that was said">
            <ol>
              {words.map((event, index) => (
                <li key={index} class={event.kind === 'agent' ? 'near' : 'far'}>
                  <span class="who">{event.kind === 'agent' ? 'Agent' : kFarName}</span>
                  <span class="text">{event.text}</span>
                </li>
              ))}
            </ol>
          </div>
        </section>
      )}
      {timeline.samples.at_ms.length > 1 && <Plots samples={timeline.samples} gaps={shown_gaps(gaps)} />}
      <section class="card" aria-labelledby="timeline">
        <h2 id="timeline">Timeline</h2>
        <Lanes timeline={timeline} lanes={lanes} />
        <label class="field inline">
          Show
          <select
            value={lane.value}
            onChange={(event) => {
              lane.value = event.currentTarget.value;
            }}
          >
            <option value="">Everything</option>
            {lanes.map((name) => (
              <option key={name} value={name}>
                {kLanes[name]}
              </option>
            ))}
          </select>
        </label>
        {timeline.dropped_events > 0 && <p class="hint">{timeline.dropped_events} older events were dropped.</p>}
        <EventTable events={shown} />
      </section>
    </>
  );
}

/** Where on the call's time each lane's events lie. The table below has the same in words. */
function Lanes({ timeline, lanes }: { timeline: Timeline; lanes: readonly string[] }) {
  const length = Math.max(1000, timeline.now_ms, ...timeline.events.map((event) => event.at_ms));
  return (
    <div class="lanes" aria-hidden="true">
      {lanes.map((name) => (
        <div class="lane" key={name}>
          <span class="lane-name">{kLanes[name]}</span>
          <svg class={`lane-line of-${name}`} viewBox="0 0 1000 20" preserveAspectRatio="none">
            <line x1="0" x2="1000" y1="10" y2="10" />
            {timeline.events
              .filter((event) => event.lane === name)
              .map((event, index) => (
                <rect key={index} x={(event.at_ms / length) * 994} y="3" width="6" height="14" />
              ))}
          </svg>
        </div>
      ))}
      <div class="lane">
        <span class="lane-name" />
        <span class="lane-scale">
          <span>0:00</span>
          <span>{clock(length)}</span>
        </span>
      </div>
    </div>
  );
}

function EventTable({ events }: { events: readonly TimelineEvent[] }) {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label="Events of the call">
      <table>
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">What</th>
            <th scope="col">Details</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event, index) => (
            <tr key={index} class={`of-${event.lane}`}>
              <td class="number">{offset(event.at_ms)}</td>
              <td>
                <span class="lane-tag">{kLanes[event.lane] ?? event.lane}</span>
              </td>
              <td>
                {event.kind}
                {event.text && event.text !== event.kind ? `: ${event.text}` : ''}
                {event.data && <small> {figures(event.data)}</small>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// Where sound was missing in a call that was captured, and which hop made it. The program does the whole call again to know
// that: it is asked for, not fetched with the page.

import type { Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { call_path, get } from '../api';
import { millis, offset } from '../format';
import { by_hop, doubt_words, gaps_words, heard_by_words, hop_reason, hop_words, same_words, shown_gaps } from '../gaps';
import type { Call, CaptureReport, Gap } from '../types';
import { ActionButton, ActionNote, useActions } from '../ui/actions';
import { Figures } from '../ui/figures';

/** An hour of a call takes the program a second or two; there may be others who ask. */
const kPatience = 120_000;
const kWhat = 'The captured call can be done again, to tell where sound was missing and which hop made each gap.';

export function Gaps({ call, report }: { call: Call; report: Signal<CaptureReport | null> }) {
  const actions = useActions();
  const heading = useRef<HTMLHeadingElement>(null);
  const found = report.value;
  const looking = actions.pending.value.has('gaps');
  const asked = useRef(false);
  useEffect(() => {
    // The button that had the focus is gone.
    if (found && asked.current) heading.current?.focus();
  }, [found]);
  const look = async () => {
    asked.current = true;
    report.value = await get<CaptureReport>(call_path(call.call, '/capture/report'), { patience: kPatience });
  };
  return (
    <section class="card" aria-labelledby="gaps" data-gaps={found ? found.gaps.length : looking ? 'looking' : 'unknown'}>
      <h2 id="gaps" ref={heading} tabIndex={-1}>
        Gaps
      </h2>
      <p role="status" class={found ? '' : 'hint'}>
        {found ? gaps_words(found) : looking ? 'The call is being done again…' : kWhat}
      </p>
      {!found && (
        <div class="controls">
          <ActionButton actions={actions} name="gaps" icon="search" act={look}>
            Look for gaps
          </ActionButton>
        </div>
      )}
      <ActionNote actions={actions} />
      {found && <Found report={found} />}
    </section>
  );
}

/** How to know it of the next call. */
export function NoGaps() {
  return (
    <p class="hint">
      Where sound was missing, and why, is told of calls that are captured: start agentbridge with <code>--capture</code>.
    </p>
  );
}

function Found({ report }: { report: CaptureReport }) {
  const { gaps, totals } = report;
  const doubts = doubt_words(report);
  const figures: [string, string][] = [
    ['Longest wait for the phone', millis(totals.longest_wait_ms)],
    ['Latest timer', millis(totals.latest_timer_ms)],
    ['Longest wait of the device', millis(totals.longest_pull_ms)],
    ['Frames sent', totals.frames_sent.toLocaleString('en-US')],
    ['Frames refused', totals.frames_refused.toLocaleString('en-US')],
    ['Marks echoed', `${totals.marks_echoed} of ${totals.marks}`],
    ['Clears', String(totals.clears)],
  ];
  return (
    <>
      <p class={report.same ? 'hint' : 'hint warn'}>{[same_words(report), ...doubts].join(' ')}</p>
      {gaps.length > 0 && <GapTable gaps={gaps} />}
      {gaps.length > 0 && (
        <dl class="hops">
          {by_hop(gaps).map(({ hop }) => (
            <div key={hop}>
              <dt>{hop_words(hop)}</dt>
              <dd>{hop_reason(hop)}</dd>
            </div>
          ))}
        </dl>
      )}
      <Figures rows={figures} />
    </>
  );
}

function GapTable({ gaps }: { gaps: readonly Gap[] }) {
  const shown = shown_gaps(gaps);
  return (
    <>
      {shown.length < gaps.length && (
        <p class="hint">
          The {shown.length} longest of {gaps.length.toLocaleString('en-US')} are shown.
        </p>
      )}
      <div class="table-box" tabIndex={0} role="region" aria-label="Gaps of the call">
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Length</th>
              <th scope="col">Heard by</th>
              <th scope="col">Made by</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((gap, index) => (
              <tr key={index}>
                <td class="number">{offset(gap.at_ms)}</td>
                <td class="number">{millis(gap.length_ms)}</td>
                <td>{heard_by_words(gap)}</td>
                <td>
                  <span class="lane-tag">{hop_words(gap.hop)}</span>: {gap.why}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

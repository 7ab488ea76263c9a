// Where the sound of a captured call had gaps, and which hop made them: the program does the call again for it.

import type { Signal } from '@preact/signals';
import { call_path, get } from '../api';
import { gap_words, kHops, offset } from '../format';
import type { Call, CaptureReport } from '../types';
import { ActionButton, ActionNote, useActions } from '../ui/actions';

/** A long call is done again for some seconds. */
const kPatience = 60_000;

export function Gaps({ call, report }: { call: Call; report: Signal<CaptureReport | null> }) {
  const actions = useActions();
  const found = report.value;
  return (
    <section class="card" aria-labelledby="gaps">
      <h2 id="gaps">Gaps</h2>
      {!call.captured && (
        <p class="hint">
          This call was not captured. With <code>--capture</code> the page can tell what made each gap in its sound.
        </p>
      )}
      {call.captured && !found && (
        <>
          <p class="hint">
            The capture tells what made each gap in the sound: the call is done again from it, a second or two for each hour.
          </p>
          <ActionButton
            actions={actions}
            name="gaps"
            kind="primary"
            act={async () => {
              report.value = await get<CaptureReport>(call_path(call.call, '/capture/report'), { patience: kPatience });
            }}
          >
            {actions.pending.value.has('gaps') ? 'Doing the call again' : 'Look for gaps'}
          </ActionButton>
        </>
      )}
      {found && (
        <>
          <p data-gaps={found.gaps.length}>{gap_words(found)}</p>
          {!found.complete && <p class="hint warn">The capture is not complete: {found.damage}</p>}
          {!found.same && (
            <p class="hint warn">
              Done again, the call did something else in {found.difference_count} places: another version may do so on purpose.
            </p>
          )}
          {found.gaps.length > 0 && <GapTable report={found} />}
        </>
      )}
      <ActionNote actions={actions} />
    </section>
  );
}

function GapTable({ report }: { report: CaptureReport }) {
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label="Gaps in the sound">
      <table>
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">Length</th>
            <th scope="col">Heard</th>
            <th scope="col">Made by</th>
            <th scope="col">Why</th>
          </tr>
        </thead>
        <tbody>
          {report.gaps.map((gap, index) => (
            <tr key={index} class="of-gap">
              <td class="number">{offset(gap.at_ms)}</td>
              <td class="number">{gap.length_ms} ms</td>
              <td>{gap.heard_by === 'phone' ? 'by the phone' : 'here'}</td>
              <td>
                <span class="lane-tag">{kHops[gap.hop] ?? gap.hop}</span>
              </td>
              <td>{gap.why}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// Recording a live call and having it taken down: buttons that say what they do, and a sign that says what is going on.

import { useSignal } from '@preact/signals';
import { call_path, put, sentence } from '../api';
import { recording_words, transcription_words } from '../format';
import type { Known } from '../model';
import { kNotices, type Notice, recording_order } from '../orders';
import { learn, online } from '../store';
import type { Call } from '../types';
import { ActionButton, type Actions } from '../ui/actions';
import { Icon } from '../ui/icons';

const change = (call: Call, what: string, body: unknown) => async () => learn(await put<Call>(call_path(call.call, what), body));

/** A red dot while it is recorded, and always the words. */
export function RecordingSign({ call }: { call: Call }) {
  const words = recording_words(call.recording);
  const status = call.recording?.status;
  if (!words) return null;
  return (
    <span class={`chip recording ${status}`} data-recording={status}>
      {status === 'recording' ? <span class="dot" aria-hidden="true" /> : <Icon name={status === 'paused' ? 'hold' : 'record'} />}
      {words}
    </span>
  );
}

/** What there is to say about either beyond that sign, and that no warning says already. */
export function RecordingFacts({ known }: { known: Known }) {
  const { call, warning } = known;
  const problem = call.recording?.status === 'failed' ? (call.recording.problem ?? '') : '';
  const words = transcription_words(call.transcription);
  return (
    <>
      {problem && !warning.includes(problem) && <li class="warn">{sentence(problem)}</li>}
      {words && <li class={call.transcription?.status === 'connecting' ? '' : 'warn'}>{words}</li>}
      {call.transcription?.status === 'running' && <li>Transcript by {call.transcription.engine}</li>}
    </>
  );
}

export function RecordButtons({ call, actions }: { call: Call; actions: Actions }) {
  const up = call.state === 'in-progress';
  const status = call.recording?.status;
  const recorded = status === 'recording' || status === 'paused';
  const notice = useSignal<Notice>('');
  const taken_down = ['connecting', 'running', 'lost'].includes(call.transcription?.status ?? '');
  return (
    <>
      <ActionButton
        actions={actions}
        name="transcribe"
        icon="words"
        disabled={!up}
        act={change(call, '/transcription', { state: taken_down ? 'off' : 'on' })}
      >
        {taken_down ? 'Stop transcript' : 'Transcribe'}
      </ActionButton>
      <span class="joined" role="group" aria-label="Recording">
        <ActionButton
          actions={actions}
          name="record"
          icon={recorded ? 'stop' : 'record'}
          disabled={!up}
          act={change(call, '/recording', recorded ? recording_order('stopped') : recording_order('recording', notice.value))}
        >
          {recorded ? 'Stop recording' : 'Record'}
        </ActionButton>
        {!recorded && (
          <select
            aria-label="What the phone hears of it"
            title="What the phone hears when the recording begins"
            data-notice
            disabled={!up || !online.value}
            value={notice.value}
            onChange={(event) => {
              notice.value = event.currentTarget.value as Notice;
            }}
          >
            {kNotices.map((one) => (
              <option key={one.notice} value={one.notice}>
                {one.words}
              </option>
            ))}
          </select>
        )}
      </span>
      {recorded && (
        <ActionButton
          actions={actions}
          name="pause-recording"
          icon={status === 'paused' ? 'record' : 'hold'}
          disabled={!up}
          title="The time of a pause is silence in the recording"
          act={change(call, '/recording', recording_order(status === 'paused' ? 'recording' : 'paused'))}
        >
          {status === 'paused' ? 'Resume recording' : 'Pause recording'}
        </ActionButton>
      )}
    </>
  );
}

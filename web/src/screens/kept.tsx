// What is kept of a call that is over: its recording to play, its transcript beside it, both to take away or to delete.

import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { Problem, call_path, get, post, remove } from '../api';
import { peer, pretty_number, size, when } from '../format';
import { go, query } from '../router';
import { epoch, forget, online } from '../store';
import type { Call, Peaks, RecordingEntry, RecordingFormat, TranscriptDocument } from '../types';
import { ActionButton, ActionNote, useActions } from '../ui/actions';
import { Dialog } from '../ui/dialog';
import { Icon } from '../ui/icons';
import { Playback } from '../ui/playback';
import { Player, recording_url } from '../ui/player';
import { near_name_of_all } from '../words';
import { TranscriptView } from './transcript_view';

/** A recording is finished, and the last words come in, soon after the call's end: it is looked for again this often, so many times. */
const kAgain = 1500;
const kTries = 20;
const kBuckets = 1000;
/** A transcript that is asked for may take so long, or twice as long as the recording. */
const kPatience = 120_000;
const kLate = 'It has not come. If something went wrong the log of agentbridge says what; else load the page again later.';

export interface KeptOfCall {
  recording: RecordingEntry | null;
  transcript: TranscriptDocument | null;
  peaks: Peaks | null;
}

/** Nothing where there is none: a 404 is an answer too. */
async function there<T>(path: string): Promise<T | null> {
  try {
    return await get<T>(path);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

const is_finished = (kept: KeptOfCall) => !kept.recording?.live && (kept.transcript?.complete ?? true);

async function look(id: string, before: KeptOfCall | null): Promise<KeptOfCall> {
  const [recording, transcript] = await Promise.all([
    there<{ recording: RecordingEntry }>(call_path(id, '/recording')),
    there<TranscriptDocument>(call_path(id, '/transcript')),
  ]);
  const entry = recording?.recording ?? null;
  const same = entry && before?.peaks && before.recording?.duration_ms === entry.duration_ms;
  const peaks = same
    ? before.peaks
    : entry && (await there<Peaks>(call_path(id, `/recording/peaks?buckets=${kBuckets}`)).catch(() => null));
  // The same transcript stays the same thing: a reader may be in the middle of it.
  const unchanged = JSON.stringify(before?.transcript) === JSON.stringify(transcript);
  return { recording: entry, transcript: unchanged && before ? before.transcript : transcript, peaks };
}

/** Of a call that is over; fetched until all of it is there. */
export function use_kept(id: string, over: boolean): Signal<KeptOfCall | null> {
  const kept = useSignal<KeptOfCall | null>(null);
  useEffect(() => {
    if (!over || !online.value) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const load = async (tries: number) => {
      try {
        const found = await look(id, kept.value);
        if (stopped) return;
        kept.value = found;
        if (is_finished(found)) return;
      } catch {
        // Tried again below; what is here already stays.
      }
      if (!stopped && tries > 0) timer = setTimeout(() => void load(tries - 1), kAgain);
    };
    void load(kTries);
    return () => {
      stopped = true;
      clearTimeout(timer);
    };
  }, [id, over, epoch.value]);
  return kept;
}

export function Kept({ call, kept }: { call: Call; kept: Signal<KeptOfCall | null> }) {
  const playback = useMemo(() => new Playback(), [call.call]);
  const asked = query.value.get('at');
  const at_ms = asked !== null && Number.isFinite(Number(asked)) ? Number(asked) : undefined;
  const recording = kept.value?.recording;
  const transcript = kept.value?.transcript;
  const offset_ms = recording?.offset_ms ?? 0;
  useEffect(() => {
    if (recording && at_ms !== undefined) playback.seek(at_ms - offset_ms);
  }, [playback, recording !== undefined && recording !== null, at_ms]);
  if (!kept.value || !(recording || transcript)) return null;
  return (
    <div class={recording && transcript ? 'kept both' : 'kept'}>
      {recording && (
        <section class="card" aria-labelledby="recording">
          <h2 id="recording">Recording</h2>
          {recording.live && <p class="hint">Not finished yet.</p>}
          <Player entry={recording} peaks={kept.value.peaks} playback={playback} />
          <p class="hint">
            Phone above the line and on the left, this side below and on the right. Since {when(recording.began)}, {size(recording.bytes)}
            {recording.source === 'twilio' ? ', recorded by Twilio' : ''}.
          </p>
          {!transcript && <Transcribe call={call} kept={kept} off={recording.live} />}
          <Exports call={call} recording={recording} transcript={null} />
        </section>
      )}
      {transcript && (
        <TranscriptView
          pieces={transcript.pieces}
          near={near_name_of_all(call)}
          playback={recording ? playback : undefined}
          offset_ms={offset_ms}
          at_ms={at_ms}
        >
          {!transcript.complete && <p class="hint">It is not complete yet.</p>}
          {transcript.dropped ? <p class="hint">What came before was too much to keep: {transcript.dropped} utterances.</p> : null}
          <Exports call={call} recording={null} transcript={transcript} />
        </TranscriptView>
      )}
    </div>
  );
}

export function Download({ href, name, words }: { href: string; name: string; words: string }) {
  return (
    <a class="button" href={href.startsWith('/api/') ? href : `/api/v1${href}`} download={name}>
      <Icon name="download" />
      <span>{words}</span>
    </a>
  );
}

const kForms = [
  ['txt', 'Text'],
  ['json', 'JSON'],
  ['srt', 'SRT'],
  ['vtt', 'WebVTT'],
] as const;

/** What is not there yet is made when it is asked for. */
const kFormats: readonly RecordingFormat[] = ['wav', 'flac', 'opus'];

function Exports({ call, recording, transcript }: { call: Call; recording: RecordingEntry | null; transcript: TranscriptDocument | null }) {
  const id = call.call;
  return (
    <div class="controls" role="group" aria-label={transcript ? 'Save the transcript' : 'Save the recording'}>
      <span class="hint">Save as</span>
      {recording &&
        (recording.live ? recording.formats : kFormats).map((format) => (
          <Download
            key={format}
            href={recording_url(id, format)}
            name={`${id}.${format}`}
            words={format === 'opus' ? 'Opus' : format.toUpperCase()}
          />
        ))}
      {transcript &&
        kForms.map(([form, words]) => (
          <Download key={form} href={call_path(id, `/transcript.${form}`)} name={`${id}.${form}`} words={words} />
        ))}
    </div>
  );
}

/** Has the recording taken down now. */
function Transcribe({ call, kept, off }: { call: Call; kept: Signal<KeptOfCall | null>; off: boolean }) {
  const actions = useActions();
  const shown = useRef(true);
  useEffect(
    () => () => {
      shown.current = false;
    },
    [],
  );
  const transcribe = async () => {
    await post(call_path(call.call, '/transcript'));
    const until = performance.now() + Math.max(kPatience, 2 * (kept.value?.recording?.duration_ms ?? 0));
    while (shown.current) {
      const found = await look(call.call, kept.value);
      const now = await there<Call>(call_path(call.call));
      if (found.transcript?.complete) {
        kept.value = found;
        return;
      }
      if (now?.transcription?.status === 'failed')
        throw new Problem(0, 'failed', `It failed: ${now.transcription.reason ?? 'no reason was told'}.`);
      if (performance.now() > until) throw new Problem(0, 'late', kLate);
      await new Promise((resolve) => setTimeout(resolve, kAgain));
    }
  };
  return (
    <>
      <div class="controls">
        <ActionButton actions={actions} name="transcribe" icon="words" disabled={off} act={transcribe}>
          Transcribe
        </ActionButton>
        <span class="hint" role="status">
          {actions.pending.value.has('transcribe') ? 'Being transcribed…' : ''}
        </span>
      </div>
      <ActionNote actions={actions} />
    </>
  );
}

/** What is deleted is gone: it is asked for by name. */
export function DeleteDialog({ call, on_close }: { call: Call; on_close: () => void }) {
  const actions = useActions();
  const what = `the call ${call.direction === 'inbound' ? 'from' : 'to'} ${pretty_number(peer(call))}`;
  return (
    <Dialog title={`Delete ${what}?`} on_close={on_close} role="alertdialog" name="delete">
      <p>
        Its recording, transcript, capture and its place in the history ({when(call.created)}) are deleted here, for good. What the carrier
        keeps of it stays there.
      </p>
      <ActionNote actions={actions} />
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={on_close}>
          Keep it
        </button>
        <ActionButton
          actions={actions}
          name="delete"
          kind="danger"
          icon="delete"
          of="confirm-delete"
          act={async () => {
            await remove(call_path(call.call, '/history'));
            forget(call.call);
            on_close();
            go('/history');
          }}
        >
          Delete {what}
        </ActionButton>
      </div>
    </Dialog>
  );
}

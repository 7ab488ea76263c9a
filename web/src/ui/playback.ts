// Where a recording is being played, shared by the player, which has the sound, and the transcript, which follows it.

import { signal } from '@preact/signals';

const kNotPlayed = 'The recording could not be played. Is it still there?';

export class Playback {
  /** In the file, in milliseconds. */
  readonly position = signal(0);
  readonly playing = signal(false);
  readonly problem = signal('');
  private audio: HTMLAudioElement | undefined;

  /** The element that plays, for as long as it is on the page. */
  attach(audio: HTMLAudioElement): () => void {
    this.audio = audio;
    const events = {
      play: () => {
        this.playing.value = true;
      },
      pause: () => {
        this.playing.value = false;
        this.look();
      },
      timeupdate: () => this.look(),
      seeked: () => this.look(),
    };
    for (const [name, act] of Object.entries(events)) audio.addEventListener(name, act);
    return () => {
      for (const [name, act] of Object.entries(events)) audio.removeEventListener(name, act);
      audio.pause();
      this.playing.value = false;
      this.audio = undefined;
    };
  }

  look(): void {
    if (this.audio && !this.audio.seeking) this.position.value = this.audio.currentTime * 1000;
  }

  seek(ms: number): void {
    this.position.value = Math.max(0, ms);
    if (this.audio) this.audio.currentTime = this.position.value / 1000;
  }

  play(): void {
    this.problem.value = '';
    // Refused as well when it is paused before it has begun: that is no problem.
    this.audio?.play().catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === 'AbortError')) this.failed();
    });
  }

  play_from(ms: number): void {
    this.seek(ms);
    this.play();
  }

  toggle(): void {
    if (this.playing.value) this.audio?.pause();
    else this.play();
  }

  set rate(rate: number) {
    if (this.audio) this.audio.playbackRate = rate;
  }

  failed(): void {
    this.problem.value = kNotPlayed;
  }
}

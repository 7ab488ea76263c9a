// The calls in progress.

import { live_calls } from '../store';
import { Icon } from '../ui/icons';
import { CallCard } from './call_card';

export function Live() {
  const calls = live_calls.value;
  return (
    <>
      <div class="title-row">
        <h1 tabIndex={-1}>Live calls</h1>
        <a class="button primary" href="/dial">
          <Icon name="dial" />
          <span>New call</span>
        </a>
      </div>
      {calls.length === 0 ? (
        <div class="empty">
          <Icon name="live" />
          <p>No call is up.</p>
          <p class="hint">Calls appear here as soon as they are dialled or come in.</p>
        </div>
      ) : (
        <div class="cards">
          {calls.map((known) => (
            <CallCard key={known.call.call} known={known} />
          ))}
        </div>
      )}
    </>
  );
}

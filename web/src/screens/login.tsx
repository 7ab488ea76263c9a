// Nobody is logged in at this browser.

import { useSignal } from '@preact/signals';
import { log_in, login_note } from '../store';

export function Login() {
  const token = useSignal('');
  const busy = useSignal(false);
  const problem = useSignal('');
  const enter = async () => {
    busy.value = true;
    problem.value = '';
    try {
      await log_in(token_of(token.value));
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <main class="login" id="content">
      <div class="card">
        <h1 tabIndex={-1}>agentbridge</h1>
        <p>Open the link that agentbridge printed when it started, or paste its token here.</p>
        {login_note.value && (
          <p class="hint warn" role="status">
            {login_note.value}
          </p>
        )}
        <form
          onSubmit={(event) => {
            event.preventDefault();
            if (token.value.trim() && !busy.value) void enter();
          }}
        >
          <label class="field">
            Token
            <input
              type="password"
              name="token"
              autocomplete="off"
              required
              autofocus
              value={token.value}
              onInput={(event) => {
                token.value = event.currentTarget.value;
              }}
            />
          </label>
          <div role="alert">{problem.value && <p class="problem">{problem.value}</p>}</div>
          <button type="submit" class="button primary wide" disabled={busy.value} aria-busy={busy.value}>
            Log in
          </button>
        </form>
        <p class="hint">
          The token of a running program stands in <code>instances/PID.json</code> in its state folder, readable by its owner only.
        </p>
      </div>
    </main>
  );
}

/** The whole link may be pasted as well. */
function token_of(text: string): string {
  const trimmed = text.trim();
  const at = trimmed.indexOf('#token=');
  return at < 0 ? trimmed : trimmed.slice(at + '#token='.length);
}

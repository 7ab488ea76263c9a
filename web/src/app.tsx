// The frame round every screen: navigation, the state of the connection, dialogs over everything, live regions.

import { useEffect } from 'preact/hooks';
import { stop_listening } from './audio/ear';
import { help_open, kKeys } from './keys';
import { call_on_air } from './on_air';
import { shortcuts } from './preferences';
import { path, route } from './router';
import { CallScreen } from './screens/call';
import { Dial } from './screens/dial';
import { Emulator } from './screens/emulator';
import { History } from './screens/history';
import { Incoming } from './screens/incoming';
import { Live } from './screens/live';
import { Login } from './screens/login';
import { Recordings } from './screens/recordings';
import { Settings } from './screens/settings';
import { connection, live_calls, on_emulator, polite, ringing_calls, urgent } from './store';
import { Dialog } from './ui/dialog';
import { Icon, type IconName } from './ui/icons';

export function App() {
  const signed_in = connection.value !== 'signed-out' && connection.value !== 'starting';
  useEffect(() => {
    if (!signed_in) stop_listening();
  }, [signed_in]);
  return (
    <>
      <div class="sr" role="status" aria-live="polite" data-region="polite">
        {polite.value}
      </div>
      <div class="sr" role="alert" data-region="urgent">
        {urgent.value}
      </div>
      {signed_in ? <Frame /> : connection.value === 'signed-out' && <Login />}
    </>
  );
}

function Frame() {
  useTitle();
  return (
    <div class="frame" data-connection={connection.value}>
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <Navigation />
      <div class="page">
        {connection.value === 'lost' && (
          <section class="banner" data-banner="lost" aria-label="Connection">
            <span class="spinner" aria-hidden="true" />
            <span>
              <b>Connection lost.</b> agentbridge does not answer; trying again. What is shown may be out of date, and nothing can be done
              until it is back.
            </span>
          </section>
        )}
        <main id="content" tabIndex={-1}>
          <Screen />
        </main>
      </div>
      {connection.value === 'live' && <Incoming />}
      {help_open.value && <Help />}
    </div>
  );
}

function Screen() {
  const at = route.value;
  switch (at.name) {
    case 'live':
      return <Live />;
    case 'dial':
      return <Dial key={location.search} />;
    case 'history':
      return <History />;
    case 'recordings':
      return <Recordings />;
    case 'settings':
      return <Settings />;
    case 'call':
      return <CallScreen key={at.id} id={at.id} />;
    case 'emulator':
      return <Emulator />;
    default:
      return (
        <div class="empty">
          <h1 tabIndex={-1}>There is nothing here</h1>
          <p>
            <a href="/">To the live calls</a>
          </p>
        </div>
      );
  }
}

const kLinks: readonly { to: string; words: string; icon: IconName }[] = [
  { to: '/', words: 'Live', icon: 'live' },
  { to: '/dial', words: 'Dial', icon: 'dial' },
  { to: '/history', words: 'History', icon: 'history' },
  { to: '/settings', words: 'Settings', icon: 'settings' },
  { to: '/emulator', words: 'Emulator', icon: 'emulator' },
];

const kConnection: Record<string, string> = {
  connecting: 'Connecting',
  live: 'Connected',
  lost: 'Connection lost',
};

function Navigation() {
  const calls = live_calls.value.length;
  return (
    <header class="side">
      <div class="brand">
        <a href="/" class="brand-name">
          agentbridge
        </a>
        <span class={`link-state ${connection.value}`}>
          <span class="dot" aria-hidden="true" />
          {kConnection[connection.value]}
        </span>
        <button type="button" class="button quiet small help" aria-label="Keyboard shortcuts" onClick={() => (help_open.value = true)}>
          <Icon name="help" />
        </button>
      </div>
      <nav aria-label="Screens">
        {kLinks
          .filter((link) => link.to !== '/emulator' || on_emulator.value)
          .map((link) => (
            <a key={link.to} href={link.to} aria-current={path.value === link.to ? 'page' : undefined}>
              <Icon name={link.icon} />
              <span>{link.words}</span>
              {link.to === '/' && calls > 0 && (
                <span class="count">
                  {calls}
                  <span class="sr"> {calls === 1 ? 'call' : 'calls'}</span>
                </span>
              )}
            </a>
          ))}
      </nav>
    </header>
  );
}

/** The tab says what is going on while it is not looked at. */
function useTitle() {
  const ringing = ringing_calls.value.length;
  const calls = live_calls.value.length;
  const air = call_on_air.value !== '';
  useEffect(() => {
    const what = air ? '● On air' : ringing > 0 ? '☎ Incoming call' : calls > 0 ? `${calls} live` : '';
    document.title = what ? `${what} · agentbridge` : 'agentbridge';
  }, [ringing, calls, air]);
}

function Help() {
  return (
    <Dialog title="Keys" on_close={() => (help_open.value = false)} name="help">
      {shortcuts.value === 'off' && <p class="hint warn">Single keys are switched off in the settings; only ? works.</p>}
      {(['Anywhere', 'The chosen call'] as const).map((group) => (
        <section key={group}>
          <h3>{group}</h3>
          <dl class="keys">
            {kKeys
              .filter((key) => key.group === group)
              .map((key) => (
                <div key={key.key}>
                  <dt>
                    <kbd>{key.key}</kbd>
                  </dt>
                  <dd>{key.words}</dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
      <p class="hint">The chosen call is the one whose card has the focus, else the first on the screen. Keys do nothing while you type.</p>
    </Dialog>
  );
}

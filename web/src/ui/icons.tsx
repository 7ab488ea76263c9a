// The page's icons: strokes in the text's colour, hidden from screen readers (the button beside them has the words).

const kPaths = {
  live: 'M3 12h3l2-6 4 12 3-9 2 3h4',
  dial: 'M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a1 1 0 0 1-1 1A16 16 0 0 1 4 5a1 1 0 0 1 1-1z',
  history: 'M12 7v5l3 2M4.5 8A8.5 8.5 0 1 1 3.5 12M4 4v4h4',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5',
  emulator: 'M7 3h10v18H7zM11 18h2M7 15h10M7 6h10',
  listen: 'M4 14v-2a8 8 0 0 1 16 0v2M4 14h3v6H5a1 1 0 0 1-1-1zM20 14h-3v6h2a1 1 0 0 0 1-1z',
  talk: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5 11a7 7 0 0 0 14 0M12 18v3M9 21h6',
  mute: 'M9 6a3 3 0 0 1 6 0v5M15 13a3 3 0 0 1-6-2V9M5 11a7 7 0 0 0 11 5.7M19 11a7 7 0 0 1-.6 2.8M12 18v3M9 21h6M4 3l16 18',
  hold: 'M9 5v14M15 5v14',
  resume: 'M8 5l11 7-11 7z',
  keypad: 'M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01',
  transfer: 'M4 8h13l-3.5-3.5M20 16H7l3.5 3.5',
  agent: 'M6 8h12v10H6zM12 8V4M12 4h.01M9.5 12v2M14.5 12v2M3 11v4M21 11v4',
  say: 'M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12h5',
  hangup: 'M3 13c5-5.5 13-5.5 18 0l-2.2 3-4-1.6v-2.8a11 11 0 0 0-5.6 0v2.8L5.2 16z',
  close: 'M6 6l12 12M18 6L6 18',
  inbound: 'M18 6L7 17M7 9v8h8',
  outbound: 'M6 18L17 7M9 7h8v8',
  focus: 'M12 8v8M8 12h8M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  back: 'M15 5l-7 7 7 7',
  record: 'M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 9.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z',
  stop: 'M6 6h12v12H6z',
  words: 'M4 6h16M4 11h10M4 16h13M4 21h6',
  search: 'M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L21 21',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  capture: 'M4 7h16v12H4zM8 7V4h8v3M9 13l2 2 4-4',
  delete: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  volume: 'M5 9h3l5-4v14l-5-4H5zM16 9a4 4 0 0 1 0 6',
  help: 'M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 18h.01',
} as const;

export type IconName = keyof typeof kPaths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={kPaths[name]} />
    </svg>
  );
}

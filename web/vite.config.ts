import { defineConfig } from 'vite';

// A few hashed files that the program embeds. The control plane's Content-Security-Policy allows neither inline
// script nor inline style, so nothing is inlined: not even a small worklet as a data address.
export default defineConfig({
  base: '/',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    reportCompressedSize: true,
  },
  worker: { format: 'es' },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);

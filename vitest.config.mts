import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    environment: 'jsdom',
    include: ['src/**/__tests__/**/*.spec.{ts,tsx}'],
    restoreMocks: true,
    // Lab's packages are written for bundlers.
    server: { deps: { inline: [/@jupyterlab/, /@jupyter/, /@lumino/, /@microsoft/, /@rjsf/] } },
    setupFiles: ['src/__tests__/setup.ts']
  }
});

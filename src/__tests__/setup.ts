import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

// What Lab's packages want of a browser and jsdom does not have.
globalThis.DragEvent ??= class extends MouseEvent {} as unknown as typeof DragEvent;
globalThis.ResizeObserver ??= class {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
};
window.requestIdleCallback ??= callback => window.setTimeout(callback);
window.matchMedia ??= (media: string) =>
  Object.assign(new EventTarget(), { media, matches: false, addListener() {}, removeListener() {} }) as never;

afterEach(cleanup);

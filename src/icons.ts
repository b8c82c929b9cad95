import { LabIcon } from '@jupyterlab/ui-components';

const svg = (body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g class="jp-icon3" fill="#616161">${body}</g></svg>`;

/** A shape that inherits the colour of the text around it. */
const shape = (name: string, body: string): LabIcon =>
  new LabIcon({
    name: `jupyter-mltrain:${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g fill="currentColor" stroke="none">${body}</g></svg>`
  });

/** The extension's own sign: a notebook's curve of loss, going down. */
export const trainIcon = new LabIcon({
  name: 'jupyter-mltrain:train',
  svgstr: svg(
    '<path d="M2 1.5h1.5v11H14.5V14H2z"/><path d="M4.6 2.6 6 2.1c.9 3.6 1.7 5.6 2.8 6.6 1 .9 2.4 1.1 5.2 1.1v1.5c-3.1 0-4.9-.3-6.2-1.500C6.4 8.6 5.5 6.3 4.6 2.600z"/>'
  )
});

/** One shape for each phase: told apart without colours. */
export const phaseIcons: Readonly<Record<string, LabIcon>> = {
  Queued: shape(
    'queued',
    '<path d="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.500a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z"/>'
  ),
  Created: shape(
    'created',
    '<path d="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.500a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z"/><circle cx="8" cy="8" r="2"/>'
  ),
  Running: shape('running', '<circle cx="8" cy="8" r="6"/>'),
  Restarting: shape(
    'restarting',
    '<path d="M8 2.500a5.5 5.5 0 1 0 5.3 7h-1.600A4 4 0 1 1 11 5.200L8.8 7.400H14V2.200l-1.9 1.900A5.5 5.5 0 0 0 8 2.500z"/>'
  ),
  Suspended: shape('suspended', '<path d="M3.5 2.500h3v11h-3zM9.5 2.500h3v11h-3z"/>'),
  Succeeded: shape('succeeded', '<path d="m6.3 13.2-5-5 1.6-1.6 3.4 3.4 6.8-6.8 1.6 1.600z"/>'),
  Failed: shape(
    'failed',
    '<path d="M3.7 2.2 8 6.500l4.3-4.3 1.5 1.500L9.5 8l4.3 4.3-1.5 1.500L8 9.500l-4.3 4.3-1.5-1.500L6.5 8 2.2 3.700z"/>'
  ),
  Cancelled: shape(
    'cancelled',
    '<path d="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.600c1 0 1.9.3 2.6.9L4.5 10.600A4.4 4.4 0 0 1 8 3.600zm0 8.800c-1 0-1.9-.3-2.6-.9l6.1-6.100A4.4 4.4 0 0 1 8 12.400z"/>'
  )
};

/** One shape for each state of an image's layer: told apart without colours. */
export const layerIcons: Readonly<Record<'present' | 'cached' | 'known' | 'missing' | 'moving', LabIcon>> = {
  present: phaseIcons.Succeeded,
  cached: shape('cached', '<path d="M2 3h12v3.500H2zM3 8h10v5.500H3zm3.500 1.500V11h3V9.500z" fill-rule="evenodd"/>'),
  known: shape(
    'known',
    '<path d="M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zm0 1.500a4.5 4.500 0 0 1 0 9z" fill-rule="evenodd"/>'
  ),
  missing: phaseIcons.Queued,
  moving: shape('moving', '<path d="M8 1.500 13.500 7.500H10V14H6V7.500H2.500z"/>')
};

import { LabIcon } from '@jupyterlab/ui-components';

/** A shape of its own for each severity: told apart without colours. */
const shape = (name: string, body: string): LabIcon =>
  new LabIcon({
    name: `jupyter-mltrain:check-${name}`,
    svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g fill="currentColor" stroke="none">${body}</g></svg>`
  });

export const errorIcon = shape(
  'error',
  '<path fill-rule="evenodd" d="M5.1 1.500h5.800l3.600 3.600v5.800l-3.600 3.600H5.100L1.500 10.900V5.100zM4.800 5.700 7.100 8l-2.300 2.300.9.900L8 8.900l2.300 2.300.9-.900L8.900 8l2.300-2.300-.9-.900L8 7.100 5.700 4.800z"/>'
);

export const warningIcon = shape(
  'warning',
  '<path fill-rule="evenodd" d="M8 1.500 15.200 14H.800zM7.250 6v4h1.500V6zm0 5.250v1.500h1.500v-1.500z"/>'
);

export const infoIcon = shape(
  'info',
  '<path fill-rule="evenodd" d="M8 1.500a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13zM7.250 4.250v1.500h1.500v-1.500zm0 2.750v4.750h1.500V7z"/>'
);

export const checkIcon = shape(
  'fine',
  '<path d="M6.300 12.300 2.200 8.200l1.100-1.100 3 3 6.400-6.400 1.100 1.100z"/>'
);

import type { TranslationBundle } from '@jupyterlab/translation';

import type { TrainingError } from '../../request';
import { LOST } from '../../services/images';

/** Return a phase in the user's language. */
export function phaseWord(phase: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    Queued: trans.__('Queued'),
    Created: trans.__('Created'),
    Running: trans.__('Running'),
    Restarting: trans.__('Restarting'),
    Suspended: trans.__('Suspended'),
    Succeeded: trans.__('Succeeded'),
    Failed: trans.__('Failed'),
    Cancelled: trans.__('Cancelled')
  };
  return words[phase] ?? phase;
}

/** Return what went wrong and what to do about it, also where the server had no words of its own. */
export function errorWords(error: TrainingError, trans: TranslationBundle): { message: string; hint: string } {
  if (error.code === 'unreachable') {
    return {
      message: trans.__('The Jupyter server cannot be reached.'),
      hint: trans.__('Jobs go on. This page catches up as soon as the server is back.')
    };
  }
  if (error.code === 'http-404') {
    return {
      message: trans.__('The server has no training extension.'),
      hint: trans.__(
        'Install jupyter_mltrain where the Jupyter server runs. If it is there: jupyter server extension enable jupyter_mltrain. Then restart the server and reload this page.'
      )
    };
  }
  if (error.code === LOST) {
    return {
      message: trans.__('How it ended is not known: the Jupyter server was started again.'),
      hint: trans.__('Build again: what was made is kept, and only the rest is done.')
    };
  }
  if (error.code === 'http-401' || error.code === 'http-403') {
    return {
      message: trans.__('The server does not let you do this.'),
      hint: trans.__('Log in again, or ask who runs the server.')
    };
  }
  return { message: error.message, hint: error.hint };
}

/** Return a duration in the shape that clocks have: `02:14`, `1:02:14`, `3 d 01:02`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60
  ];
  const two = (value: number): string => String(value).padStart(2, '0');
  if (days > 0) {
    return `${days} d ${two(hours)}:${two(minutes)}`;
  }
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${two(minutes)}:${two(whole % 60)}`;
}

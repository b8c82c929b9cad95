import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { fireEvent, render, screen } from '@testing-library/react';
import { describe, expect, it, vi } from 'vitest';

import { phaseIcons } from '../../icons';
import { TrainingError } from '../../request';
import { clock, Elapsed, Empty, ErrorBanner, errorWords, MenuButton, phaseWord, StateIcon } from '../common';

const trans = nullTranslator.load('');

describe('clock', () => {
  it.each([
    [-3, '00:00'],
    [0, '00:00'],
    [59.9, '00:59'],
    [134, '02:14'],
    [3600 + 134, '1:02:14'],
    [86_400 * 3 + 3720, '3 d 01:02']
  ])('%d seconds are %s', (seconds, text) => expect(clock(seconds)).toBe(text));
});

describe('StateIcon', () => {
  it.each(Object.keys(phaseIcons))('has a shape and a word for %s, the word also where it is not seen', phase => {
    const { container, rerender } = render(<StateIcon phase={phase} trans={trans} />);
    expect(container.querySelector('svg')).not.toBeNull();
    expect(screen.getByText(phaseWord(phase, trans)).className).toBe('jp-mltrain-State-word');
    rerender(<StateIcon phase={phase} trans={trans} bare />);
    expect(screen.getByText(phaseWord(phase, trans)).className).toBe('jp-mltrain-sr');
  });

  it('shows a phase that nobody knows by its name', () => {
    const { container } = render(<StateIcon phase="Paused" trans={trans} />);
    expect(container.textContent).toBe('Paused');
  });

  it('tells all phases apart by their shapes', () => {
    const shapes = Object.values(phaseIcons).map(icon => icon.svgstr);
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});

describe('ErrorBanner', () => {
  const error = new TrainingError({ code: 'x', message: 'It is <b>broken</b>', hint: 'Mend it.' });

  it('says what went wrong and what to do, as text, to screen readers at once', () => {
    const onRetry = vi.fn();
    const onClose = vi.fn();
    render(<ErrorBanner error={error} trans={trans} onRetry={onRetry} onClose={onClose} />);
    expect(screen.getByRole('alert').textContent).toContain('It is <b>broken</b>Mend it.');
    fireEvent.click(screen.getByText('Retry'));
    fireEvent.click(screen.getByText('Dismiss'));
    expect([onRetry, onClose].map(spy => spy.mock.calls.length)).toEqual([1, 1]);
  });

  it('is not there without an error, and has no buttons that do nothing', () => {
    const { container, rerender } = render(<ErrorBanner error={null} trans={trans} />);
    expect(container.textContent).toBe('');
    rerender(<ErrorBanner error={error} trans={trans} />);
    expect(screen.queryByRole('button')).toBeNull();
  });
});

describe('errorWords', () => {
  it.each(['unreachable', 'http-401', 'http-403', 'http-404'])('has words of its own for %s', code => {
    const words = errorWords(new TrainingError({ code, message: 'raw' }), trans);
    expect(words.message).not.toBe('raw');
    expect(words.hint).not.toBe('');
  });
});

describe('Elapsed', () => {
  it('shows the time between two moments, and nothing before the first', () => {
    const { container, rerender } = render(<Elapsed since="" />);
    expect(container.textContent).toBe('');
    rerender(<Elapsed since="2030-01-01T12:00:00Z" until="2030-01-01T12:02:14Z" />);
    expect(container.textContent).toBe('02:14');
    expect(container.querySelector('time')?.dateTime).toBe('PT134S');
  });
});

it('Empty says what is missing and holds what can be done', () => {
  render(
    <Empty title="No jobs">
      <button>Begin</button>
    </Empty>
  );
  expect(screen.getByText('No jobs')).toBeTruthy();
  expect(screen.getByRole('button').textContent).toBe('Begin');
});

describe('MenuButton', () => {
  it('opens a menu of commands and gets the focus back', () => {
    const commands = new CommandRegistry();
    commands.addCommand('one', { label: 'One', execute: () => undefined });
    const { unmount } = render(<MenuButton commands={commands} items={[{ command: 'one' }]} label="More" />);
    const button = screen.getByRole('button', { name: 'More' });
    expect(button.getAttribute('aria-expanded')).toBe('false');
    fireEvent.click(button);
    expect(button.getAttribute('aria-expanded')).toBe('true');
    const menu = document.querySelector('.lm-Menu')!;
    expect(menu.textContent).toContain('One');
    fireEvent.keyDown(menu, { key: 'Escape', keyCode: 27 });
    expect(document.activeElement).toBe(button);
    expect(button.getAttribute('aria-expanded')).toBe('false');
    fireEvent.click(button);
    unmount();
    expect(document.querySelector('.lm-Menu')).toBeNull();
  });
});

import { act, fireEvent, render, screen } from '@testing-library/react';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { Logs } from '../Logs';
import { job, replica, rig, trans, type LocalChannel } from './fixtures';

const TOPIC = 'log/j1/recommender-7f3a-worker-0';

beforeEach(() => {
  // jsdom has no layout: a window of 20 lines.
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(340);
  vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(340);
  Element.prototype.scrollTo ??= () => undefined;
});

const settle = (): Promise<void> => act(async () => Promise.resolve());

async function shown(): Promise<LocalChannel> {
  const { channel, services } = rig();
  const replicas = [replica({ name: 'other', index: 1, leader: false }), replica()];
  render(<Logs job={job({ replicas })} services={services} trans={trans} replica={null} onReplica={() => undefined} />);
  await settle();
  return channel;
}

function write(channel: LocalChannel, lines: string[]): void {
  act(() => channel.send(TOPIC, { type: 'log', lines, cursor: 'c', truncated: false, ended: false }));
}

describe('log', () => {
  it('begins with the leader, and says whose it is', async () => {
    const channel = await shown();
    expect(channel.followers(TOPIC)).toBe(1);
    expect(screen.getByRole<HTMLSelectElement>('combobox', { name: 'Replica' }).selectedOptions[0].textContent).toBe(
      'Worker 0 (leader)'
    );
  });

  it('has few of a hundred thousand lines in the document', async () => {
    const channel = await shown();
    write(
      channel,
      Array.from({ length: 100_000 }, (_, index) => `line ${index}`)
    );
    const drawn = document.querySelectorAll('.jp-mltrain-LogLine').length;
    expect(drawn).toBeGreaterThan(19);
    expect(drawn).toBeLessThan(100);
  });

  it('shows what a line says as text, in its colours', async () => {
    const channel = await shown();
    write(channel, ['\x1b[31m<b>red</b>\x1b[0m']);
    expect(screen.getByText('<b>red</b>').className).toBe('ansi-red-fg');
  });

  it('follows until the user scrolls up', async () => {
    const channel = await shown();
    write(
      channel,
      Array.from({ length: 1000 }, (_, index) => `line ${index}`)
    );
    const log = screen.getByRole('log');
    vi.spyOn(log, 'scrollHeight', 'get').mockReturnValue(17_000);
    const follow = screen.getByRole('button', { name: 'Follow' });
    expect(log.scrollTop).toBe(17_000);
    fireEvent.scroll(log);
    log.scrollTop = 5000;
    fireEvent.scroll(log);
    expect(follow.getAttribute('aria-pressed')).toBe('false');
    act(() => channel.send(TOPIC, { type: 'logChanged', lines: ['new'], cursor: 'd', skipped: false, ended: false }));
    expect(log.scrollTop).toBe(5000);
    fireEvent.click(follow);
    expect(log.scrollTop).toBe(17_017);
  });

  it('goes from match to match by Enter', async () => {
    const channel = await shown();
    write(channel, ['epoch 1', 'x', 'epoch 2']);
    const input = screen.getByRole('searchbox', { name: 'Search the log' });
    fireEvent.change(input, { target: { value: 'EPOCH' } });
    await vi.waitFor(() => expect(screen.getByText('0 of 2')).toBeTruthy());
    const marked = (): string | null | undefined => document.querySelector('[aria-current="true"]')?.textContent;
    fireEvent.keyDown(input, { key: 'Enter' });
    expect(marked()).toContain('epoch 1');
    fireEvent.keyDown(input, { key: 'Enter', shiftKey: true });
    expect(marked()).toContain('epoch 2');
    expect(screen.getByText('2 of 2')).toBeTruthy();
  });
});

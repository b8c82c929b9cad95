import { useVirtualizer } from '@tanstack/react-virtual';
import {
  forwardRef,
  memo,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useRef,
  type RefObject,
  type UIEvent
} from 'react';

import type { LogModel } from '../../services/log';
import { useModel } from '../hooks';
import { parseAnsi, plainText } from './ansi';
import { Marked } from './Marked';

/**
 * Height of a line in pixels, as in the style sheet. Browsers know no element higher than 17,895,697 pixels (Firefox's
 * limit, the lowest), so that this is the highest line with which a million of them can be scrolled.
 */
const LINE = 17;

/** Characters of a line that are drawn; the download has them all. */
const LONGEST = 10_000;

/** What can be asked of the lines. */
export interface ILogLines {
  /** Scroll to a line. */
  show: (line: number) => void;
  /** Return the first line to be seen. */
  top: () => number;
}

/** The lines of a log, of which only those in sight are in the document. */
export const LogLines = forwardRef(function LogLines(
  props: {
    model: LogModel;
    label: string;
    follows: boolean;
    /** Called when the user scrolls: to the end, or away from it. */
    onFollow: (follows: boolean) => void;
    /** The line to mark. */
    current: number | null;
    /** The text to mark, in lower case. */
    query: string;
  },
  ref: React.ForwardedRef<ILogLines>
): JSX.Element {
  const { model, label, follows, onFollow, current, query } = props;
  const { length, firstNumber } = useModel(model);
  const scroller = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  // eslint-disable-next-line react-hooks/incompatible-library -- nothing of it is memoized
  const virtualizer = useVirtualizer({
    count: length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 20
  });
  const items = virtualizer.getVirtualItems();

  useEffect(() => {
    if (follows && scroller.current) {
      scroller.current.scrollTop = length * LINE;
    }
  }, [follows, length]);

  useAnchored(scroller, length, firstNumber, follows);

  useImperativeHandle(
    ref,
    () => ({
      show: line => virtualizer.scrollToIndex(line, { align: 'center' }),
      top: () => Math.floor((scroller.current?.scrollTop ?? 0) / LINE)
    }),
    [virtualizer]
  );

  const onScroll = ({ currentTarget }: UIEvent<HTMLElement>): void => {
    const { scrollTop, scrollHeight, clientHeight } = currentTarget;
    const isUp = scrollTop < lastTop.current;
    lastTop.current = scrollTop;
    if (scrollHeight - clientHeight - scrollTop < LINE) {
      onFollow(true);
    } else if (isUp) {
      onFollow(false);
    }
  };

  return (
    <div
      ref={scroller}
      className="jp-mltrain-LogLines jp-RenderedText"
      role="log"
      aria-live="off"
      aria-label={label}
      tabIndex={0}
      onScroll={onScroll}
    >
      <div style={{ height: virtualizer.getTotalSize() }}>
        <pre style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
          {items.map(({ index, key }) => (
            <Line
              key={key}
              text={model.line(index)}
              number={firstNumber === null ? null : firstNumber + index + 1}
              isCurrent={index === current}
              query={query}
            />
          ))}
        </pre>
      </div>
    </div>
  );
});

/** Keep what is seen in its place when lines come or go before it: the whole log was loaded, or its oldest dropped. */
function useAnchored(scroller: RefObject<HTMLElement>, length: number, first: number | null, follows: boolean): void {
  const before = useRef({ length, first });
  useLayoutEffect(() => {
    const was = before.current;
    before.current = { length, first };
    if (first !== was.first && !follows && scroller.current) {
      const more = first === null || was.first === null ? length - was.length : was.first - first;
      scroller.current.scrollBy({ top: more * LINE, behavior: 'instant' });
    }
  }, [scroller, length, first, follows]);
}

const Line = memo(function Line(props: {
  text: string;
  number: number | null;
  isCurrent: boolean;
  query: string;
}): JSX.Element {
  const { text, number, isCurrent, query } = props;
  const isMatch = query !== '' && plainText(text).toLowerCase().includes(query);
  const { segments, left } = parseAnsi(text, LONGEST);
  return (
    <div className="jp-mltrain-LogLine" data-match={isMatch || undefined} aria-current={isCurrent || undefined}>
      {number !== null && <span className="jp-mltrain-LogLine-number" data-number={number} />}
      {segments.map(({ text: part, className, style }, index) => (
        <span key={index} className={className} style={style}>
          <Marked text={part} query={isMatch ? query : ''} />
        </span>
      ))}
      {left > 0 && <span className="jp-mltrain-LogLine-left" data-left={left.toLocaleString()} />}
    </div>
  );
});

import { useEffect, useState, type RefObject } from 'react';

/** How far out of sight is still near. */
const MARGIN = '600px 0px';

/** Whether an element has come near what is seen of the box that it scrolls in; once it has, this stays true. */
export function useNear(element: RefObject<Element>, box: RefObject<Element>): boolean {
  const [isNear, setNear] = useState(typeof IntersectionObserver === 'undefined');
  useEffect(() => {
    if (isNear || !element.current) {
      return;
    }
    const observer = new IntersectionObserver(
      entries => entries.some(({ isIntersecting }) => isIntersecting) && setNear(true),
      { root: box.current, rootMargin: MARGIN }
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [isNear, element, box]);
  return isNear;
}

/** Times and counts as people read them. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const shortDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

export const timeOfDay = time => clock.format(time);
export const fullTime = time => full.format(time);

export function sameDay(a, b) {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** "Today", "Yesterday", "Monday, 3 March", "3 March 2025". */
export function dayName(time, now = Date.now()) {
  if (sameDay(time, now)) return 'Today';
  if (sameDay(time, now - 86_400_000)) return 'Yesterday';
  return new Date(time).getFullYear() === new Date(now).getFullYear() ? day.format(time) : dayOfYear.format(time);
}

/** Short enough for a list: a time today, a weekday this week, else a date. */
export function listTime(time, now = Date.now()) {
  if (sameDay(time, now)) return clock.format(time);
  if (sameDay(time, now - 86_400_000)) return 'Yesterday';
  return now - time < 6 * 86_400_000 ? weekday.format(time) : shortDay.format(time);
}

/** "Last seen today at 14:05", "… yesterday at 23:10", "… on Monday", "… on 3 Mar". */
export function lastSeen(time, now = Date.now()) {
  if (sameDay(time, now)) return `Last seen today at ${clock.format(time)}`;
  if (sameDay(time, now - 86_400_000)) return `Last seen yesterday at ${clock.format(time)}`;
  return `Last seen on ${now - time < 6 * 86_400_000 ? weekday.format(time) : shortDay.format(time)}`;
}

/** A count of unread messages as a badge shows it; the service counts no further than 100. */
export const unreadText = n => (n > 99 ? '99+' : String(n));

/** "Bea is typing…", "Bea and Carl are typing…", "Several people are typing…". */
export function typingText(names) {
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing…`;
  return names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : 'Several people are typing…';
}

/** In the place of a message that was deleted. */
export const DELETED = 'Message deleted';

/** The beginning of a text, on one line. */
export const oneLine = text => (text.length > 80 ? `${text.slice(0, 80).trimEnd()}…` : text).replace(/\s+/g, ' ');

export function count(n, one, many = `${one}s`) {
  return `${n} ${n === 1 ? one : many}`;
}

/** What to tell somebody about an error: what happened, and what to do. */
export function explain(error) {
  switch (error.code) {
    case 'network':
      return 'No answer from the service. Check your connection, then try again.';
    case 'cell_unavailable':
    case 'busy':
    case 'retry':
      return 'That cell can’t be reached right now. Nothing is lost; try again in a moment.';
    case 'rate_limited':
      return 'Too many attempts. Wait a minute, then try again.';
    case 'handle_taken':
      return 'Somebody has this handle already. Choose another one.';
    case 'channel_full':
      return 'This group is full: it has 100 members.';
    case 'not_member':
      return 'You are not a member of this conversation any more.';
    case 'too_large':
      return 'This message is too long: 100,000 characters at most.';
    case 'deleted':
      return 'It was deleted meanwhile.';
    case 'unknown_message':
      return 'That message is not there any more.';
    case 'unknown_type':
      return 'Your cell can’t do that yet.';
    default:
      return error.message || 'Something went wrong. Try again.';
  }
}

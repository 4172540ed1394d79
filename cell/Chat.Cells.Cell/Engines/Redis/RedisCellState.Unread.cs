using System.Globalization;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using StackExchange.Redis;

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>Unread sets. A user's are kept for a week after each time that they were rebuilt, which is when somebody asked.</summary>
public sealed partial class RedisCellState
{
    private static readonly TimeSpan UnreadLife = TimeSpan.FromDays(7);

    /// <summary>Longer than the hash that counts them, however late they were made.</summary>
    private static readonly TimeSpan UnreadSetLife = UnreadLife + TimeSpan.FromDays(1);

    /// <summary>A rebuild goes on in a further call once one has so many: Redis serves nobody else while it adds them. A channel is never split, so that a call may have one channel's more.</summary>
    private const int ArgumentsPerPart = 2_000;

    public async ValueTask ApplyUnreadAsync(IReadOnlyList<UnreadUpdate> updates, CancellationToken cancellationToken) =>
        await PipelineAsync(updates, (database, update) => database.ScriptEvaluateAsync(UnreadScripts.Apply, [UnreadKey(update.UserId)], Arguments(update)), cancellationToken);

    public async ValueTask<IReadOnlyList<UnreadCounts?>> GetUnreadAsync(IReadOnlyList<string> userIds, CancellationToken cancellationToken)
    {
        var found = await PipelineAsync(userIds, (database, user) => database.ScriptEvaluateAsync(UnreadScripts.Read, [UnreadKey(user)]), cancellationToken);
        return Array.ConvertAll(found, static result => Counts((string[])result!));
    }

    public async ValueTask BeginUnreadAsync(string userId, InboxCursor at, string token, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [Sortable(at), token, (long)UnreadLife.TotalMilliseconds];
        await GuardAsync(() => Database.ScriptEvaluateAsync(UnreadScripts.Begin, [UnreadKey(userId)], arguments), cancellationToken);
    }

    public async ValueTask<bool> CompleteUnreadAsync(string userId, string token, IReadOnlyList<UnreadIds> channels, CancellationToken cancellationToken)
    {
        var next = 0;
        bool isLast;
        do
        {
            // Whatever is delivered between two parts is collected as before the first: a channel's changes merge in any order, and what they may not overtake breaks the rebuild off.
            var arguments = new List<RedisValue> { token, UnreadLimits.Cap, (long)UnreadSetLife.TotalMilliseconds, 0 };
            while (next < channels.Count && arguments.Count < ArgumentsPerPart)
            {
                var channel = channels[next++];
                Add(arguments, channel.ChannelId, left: false, channel.Read, channel.Trimmed, channel.Messages);
            }
            isLast = next == channels.Count;
            if (isLast) arguments[3] = 1;
            if (!(bool)await GuardAsync(() => Database.ScriptEvaluateAsync(UnreadScripts.Complete, [UnreadKey(userId)], [.. arguments]), cancellationToken)) return false;
        }
        while (!isLast);
        return true;
    }

    private RedisKey UnreadKey(string user) => Key("unread", user);

    private static RedisValue[] Arguments(UnreadUpdate update)
    {
        var arguments = new List<RedisValue>(8) { Sortable(update.Previous), Sortable(update.Cursor), UnreadLimits.Cap, (long)UnreadSetLife.TotalMilliseconds };
        foreach (var change in update.Changes) Add(arguments, change.ChannelId, change.Left, change.Read, change.Trimmed, change.Added);
        return [.. arguments];
    }

    private static void Add(List<RedisValue> arguments, string channelId, bool left, ReadMark read, InboxCursor? trimmed, IReadOnlyList<UnreadMessage> messages)
    {
        arguments.Add(channelId);
        arguments.Add(left ? 1 : 0);
        arguments.Add(read.UpTo?.ToString() ?? "");
        arguments.Add(read.CursorUpTo?.ToString() ?? "");
        arguments.Add(Optional(read.Cursor));
        arguments.Add(Optional(trimmed));
        arguments.Add(messages.Count);
        foreach (var (id, cursor) in messages) arguments.Add($"{id}{Sortable(cursor)}");

        static string Optional(InboxCursor? cursor) => cursor is { } known ? Sortable(known) : "";
    }

    /// <summary>Null also for what no server of ours wrote: then it is rebuilt.</summary>
    private static UnreadCounts? Counts(string[] found)
    {
        if (found.Length == 0 || FromSortable(found[0]) is not { } cursor) return null;
        var channels = new ChannelUnread[(found.Length - 1) / 2];
        for (var i = 0; i < channels.Length; i++)
        {
            var value = found[(2 * i) + 2].AsSpan();
            var space = value.IndexOf(' ');
            if (space < 0 || !int.TryParse(value[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var count)) return null;
            var rest = value[(space + 1)..];
            Ulid? readUpTo = rest.IndexOf(' ') is > 0 and var end && Ulid.TryParse(rest[..end], out var pointer) ? pointer : null;
            channels[i] = new ChannelUnread(found[(2 * i) + 1], count, readUpTo);
        }
        return new UnreadCounts(cursor, channels);
    }
}

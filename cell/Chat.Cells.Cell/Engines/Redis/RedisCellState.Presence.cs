using System.Globalization;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using StackExchange.Redis;

namespace Chat.Cells.Cell.Engines.Redis;

public sealed partial class RedisCellState
{
    private const long SeenLife = 30L * 24 * 3600 * 1000;

    /// <summary>So many users go in one call of bounded time.</summary>
    private const int UsersPerCall = 5_000;

    public async ValueTask<IReadOnlyList<InboxCursor?>> RefreshAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var values = await PipelineInPartsAsync(
            users,
            (database, user) => database.ScriptEvaluateAsync(
                PresenceScripts.Refresh,
                [PresenceKey(user.UserId), SeenKey(user.UserId), ConnectionKey(user.UserId), CursorKey(user.UserId)],
                Arguments(serverId, user, timeToLive)),
            cancellationToken);
        return Array.ConvertAll(values, static v => FromSortable((string?)v));
    }

    public async ValueTask<IReadOnlyList<PresenceChange>> SetPresenceAsync(string serverId, IReadOnlyList<UserPresence> users, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var results = await PipelineInPartsAsync(
            users,
            (database, user) => database.ScriptEvaluateAsync(
                PresenceScripts.Set, [PresenceKey(user.UserId), SeenKey(user.UserId), WatchKey(user.UserId)], Arguments(serverId, user, timeToLive)),
            cancellationToken);
        var changes = new PresenceChange[results.Length];
        for (var i = 0; i < changes.Length; i++)
        {
            var parts = (RedisResult[])results[i]!;
            changes[i] = new PresenceChange(ReadSnapshot(users[i].UserId, parts[0], parts[1], parts[2]), (string[])parts[3]!);
        }
        return changes;
    }

    public async ValueTask<IReadOnlyList<PresenceSnapshot?>> WatchPresenceAsync(string serverId, IReadOnlyList<string> userIds, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [serverId, (long)timeToLive.TotalMilliseconds];
        var results = await PipelineInPartsAsync(
            userIds,
            (database, user) => database.ScriptEvaluateAsync(PresenceScripts.Watch, [PresenceKey(user), SeenKey(user), WatchKey(user)], arguments),
            cancellationToken);
        var found = new PresenceSnapshot?[results.Length];
        for (var i = 0; i < found.Length; i++)
        {
            var parts = (RedisResult[])results[i]!;
            var isKnown = ((string)parts[1]!).Length > 0 || ((RedisResult[])parts[2]!).Length > 0;
            found[i] = isKnown ? ReadSnapshot(userIds[i], parts[0], parts[1], parts[2]) : null;
        }
        return found;
    }

    private RedisKey PresenceKey(string user) => Key("presence", user);
    private RedisKey SeenKey(string user) => Key("seen", user);
    private RedisKey WatchKey(string user) => Key("watch", user);

    private static RedisValue[] Arguments(string serverId, UserPresence user, TimeSpan timeToLive) =>
        [serverId, (long)timeToLive.TotalMilliseconds, user.LastActiveAt, user.Devices.ToString(), SeenLife];

    private static PresenceSnapshot ReadSnapshot(string userId, RedisResult stamp, RedisResult seen, RedisResult live)
    {
        var servers = Array.ConvertAll((string[])live!, ParseDevices);
        long? seenAt = long.TryParse((string)seen!, NumberStyles.None, CultureInfo.InvariantCulture, out var at) ? at : null;
        return PresenceSnapshot.Merge(userId, servers, seenAt, long.Parse((string)stamp!, CultureInfo.InvariantCulture));
    }

    /// <summary>A field of the hash. What isn't one, because somebody else wrote it, is no device.</summary>
    private static UserDevices ParseDevices(string field)
    {
        var first = field.IndexOf('|', StringComparison.Ordinal);
        var second = first < 0 ? -1 : field.IndexOf('|', first + 1);
        return second > 0
            && long.TryParse(field.AsSpan(first + 1, second - first - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var lastActiveAt)
            && DeviceKinds.TryParse(field.AsSpan(second + 1), out var kinds)
            ? new UserDevices(lastActiveAt, kinds)
            : new UserDevices(0, DeviceKinds.None);
    }

    private async Task<TResult[]> PipelineInPartsAsync<TItem, TResult>(IReadOnlyList<TItem> items, Func<IDatabase, TItem, Task<TResult>> call, CancellationToken cancellationToken)
    {
        if (items.Count <= UsersPerCall) return await PipelineAsync(items, call, cancellationToken);
        var all = new List<TResult>(items.Count);
        for (var from = 0; from < items.Count; from += UsersPerCall)
        {
            all.AddRange(await PipelineAsync([.. items.Skip(from).Take(UsersPerCall)], call, cancellationToken));
        }
        return [.. all];
    }
}

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>
/// Presence: a hash per user with one field per server, <c>{expiry ms}|{last active ms}|{online kinds}|{away kinds}</c>; beside it what is remembered longer, and a sorted
/// set of the servers that watch. All keys of a user have one hash tag. Times are the server's own.
/// </summary>
internal static class PresenceScripts
{
    /// <summary>Sets <c>now</c> (ms) and <c>stamp</c> (microseconds).</summary>
    private const string Now = """
        local t = redis.call('TIME')
        local now = t[1] * 1000 + math.floor(t[2] / 1000)
        local stamp = string.format('%.0f', t[1] * 1000000 + t[2])

        """;

    /// <summary>Needs KEYS: presence, seen. ARGV: server, time to live in ms, last active in ms, kinds (empty: no sockets), life of what is remembered in ms.</summary>
    private const string Put = """
        if ARGV[4] == '' then
            redis.call('HDEL', KEYS[1], ARGV[1])
        else
            redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[2]) .. '|' .. ARGV[3] .. '|' .. ARGV[4])
            redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2], redis.call('PTTL', KEYS[1])))
        end
        if tonumber(ARGV[3]) > (tonumber(redis.call('GET', KEYS[2]) or '') or 0) then redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[5]) end

        """;

    /// <summary>Sets <c>live</c>: what servers say that hasn't expired. Removes what has, and what no server of ours wrote.</summary>
    private const string ReadLive = """
        local live = {}
        local fields = redis.call('HGETALL', KEYS[1])
        for i = 1, #fields, 2 do
            if (tonumber(string.match(fields[i + 1], '^%d+') or '') or 0) > now then live[#live + 1] = fields[i + 1] else redis.call('HDEL', KEYS[1], fields[i]) end
        end

        """;

    /// <summary>KEYS: presence, seen, registry, cursor. ARGV as <see cref="Put"/>. Returns the cursor, or nil.</summary>
    public const string Refresh = Now + Put + """
        redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
        redis.call('PEXPIRE', KEYS[3], math.max(ARGV[2], redis.call('PTTL', KEYS[3])))
        return redis.call('GET', KEYS[4])
        """;

    /// <summary>KEYS: presence, seen, watchers. ARGV as <see cref="Put"/>. Returns stamp, last seen or empty, what servers say, watchers.</summary>
    public const string Set = Now + Put + ReadLive + """
        return { stamp, redis.call('GET', KEYS[2]) or '', live, redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. string.format('%.0f', now), '+inf') }
        """;

    /// <summary>KEYS: presence, seen, watchers. ARGV: server, time to live in ms. Returns stamp, last seen or empty, what servers say.</summary>
    public const string Watch = Now + ReadLive + """
        redis.call('ZADD', KEYS[3], now + ARGV[2], ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
        redis.call('PEXPIRE', KEYS[3], math.max(ARGV[2], redis.call('PTTL', KEYS[3])))
        return { stamp, redis.call('GET', KEYS[2]) or '', live }
        """;
}

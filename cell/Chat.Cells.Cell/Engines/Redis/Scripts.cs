namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>Each multi-step operation is one script over one key, so that it is atomic and works on Redis Cluster. Times are the server's own.</summary>
internal static class Scripts
{
    private const string Now = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000) ";

    /// <summary>KEYS: registry. ARGV: server, time to live in ms.</summary>
    public const string Register = Now + """
        redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
        redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2], redis.call('PTTL', KEYS[1])))
        return 1
        """;

    /// <summary>KEYS: registry.</summary>
    public const string FindServers = Now + "return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')";

    /// <summary>KEYS: cursor. ARGV: sortable cursor, time to live in ms.</summary>
    public const string AdvanceCursor = """
        local known = redis.call('GET', KEYS[1])
        if known and known >= ARGV[1] then return 0 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return 1
        """;

    /// <summary>KEYS: bucket. ARGV: capacity, refill per second. Returns ms to wait; 0: taken.</summary>
    public const string TakeToken = Now + """
        local capacity = tonumber(ARGV[1])
        local refill = tonumber(ARGV[2])
        local state = redis.call('HMGET', KEYS[1], 'tokens', 'at')
        local tokens = tonumber(state[1]) or capacity
        local at = tonumber(state[2]) or now
        tokens = math.min(capacity, tokens + math.max(0, now - at) * refill / 1000)
        local wait = 0
        if tokens >= 1 then tokens = tokens - 1 elseif refill > 0 then wait = math.ceil((1 - tokens) * 1000 / refill) else wait = 3600000 end
        redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
        redis.call('PEXPIRE', KEYS[1], refill > 0 and math.ceil(capacity / refill * 1000) + 1000 or 3600000)
        return wait
        """;

    /// <summary>KEYS: value.</summary>
    public const string TakeOnce = """
        local value = redis.call('GET', KEYS[1])
        if value then redis.call('DEL', KEYS[1]) end
        return value
        """;
}

namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>
/// The unread sets of one user: a hash <c>unread:{user}</c> with <c>at</c> (the cursor that the sets reach to), <c>rebuilding</c> (a token) and per channel
/// <c>n:channel</c> = "count pointer", and a sorted set of ids <c>unread:{user}:channel</c> for each channel. The sets' keys are made from the hash's key, which has the
/// user as its hash tag: they lie on its node. The hash expires before any set does, and a set that was evicted is found by its count, so nothing is ever counted from half of it.
/// </summary>
internal static class UnreadScripts
{
    /// <summary>Ids have one length and sort by their bytes; Lua's own comparison follows the server's locale.</summary>
    private const string Functions = """
        local function above(a, b)
          if b == '' then return a ~= '' end
          if a == '' then return false end
          for i = 1, #a do
            local x, y = string.byte(a, i), string.byte(b, i)
            if x ~= y then return x > y end
          end
          return false
        end
        local function drop()
          local fields = redis.call('HKEYS', KEYS[1])
          for i = 1, #fields do
            if string.sub(fields[i], 1, 2) == 'n:' then redis.call('DEL', KEYS[1] .. ':' .. string.sub(fields[i], 3)) end
          end
          redis.call('DEL', KEYS[1])
        end
        local function change(channel, left, pointer, ids, cap, life)
          local key = KEYS[1] .. ':' .. channel
          local known = redis.call('HGET', KEYS[1], 'n:' .. channel) or '0 '
          local count, read = string.match(known, '^(%d+) (.*)$')
          if redis.call('ZCARD', key) ~= tonumber(count) then
            if tonumber(count) > 0 then return false end
            redis.call('DEL', key)
          end
          if left then redis.call('DEL', key) end
          if above(pointer, read) then read = pointer end
          if #ids > 0 then
            local scored = {}
            for i = 1, #ids do
              scored[2 * i - 1] = 0
              scored[2 * i] = ids[i]
            end
            redis.call('ZADD', key, unpack(scored))
          end
          if read ~= '' then redis.call('ZREMRANGEBYLEX', key, '-', '[' .. read) end
          redis.call('ZREMRANGEBYRANK', key, 0, -(cap + 1))
          redis.call('PEXPIRE', key, life)
          redis.call('HSET', KEYS[1], 'n:' .. channel, redis.call('ZCARD', key) .. ' ' .. read)
          return true
        end
        local function each(from, cap, life)
          local i = from
          while ARGV[i] do
            local channel, left, pointer, n = ARGV[i], ARGV[i + 1] == '1', ARGV[i + 2], tonumber(ARGV[i + 3])
            local ids = {}
            for k = 1, n do ids[k] = ARGV[i + 3 + k] end
            if left and redis.call('HEXISTS', KEYS[1], 'rebuilding') == 1 then return false end
            if not change(channel, left, pointer, ids, cap, life) then return false end
            i = i + 4 + n
          end
          return true
        end

        """;

    /// <summary>KEYS: hash. ARGV: previous cursor, cursor, cap, life of the sets in ms; then per channel: channel, left (0 or 1), pointer or nothing, number of ids, ids.</summary>
    public const string Apply = Functions + """
        local at = redis.call('HGET', KEYS[1], 'at')
        if not at or at >= ARGV[2] then return 0 end
        if at < ARGV[1] or not each(5, tonumber(ARGV[3]), ARGV[4]) then
          drop()
          return -1
        end
        redis.call('HSET', KEYS[1], 'at', ARGV[2])
        return 1
        """;

    /// <summary>KEYS: hash. Returns nothing when it isn't known, else the cursor, then channel and "count pointer" of each channel with unread messages.</summary>
    public const string Read = """
        local all = redis.call('HGETALL', KEYS[1])
        local found, at = {''}, nil
        for i = 1, #all, 2 do
          if all[i] == 'at' then
            at = all[i + 1]
          elseif all[i] == 'rebuilding' then
            return {}
          elseif string.sub(all[i + 1], 1, 2) ~= '0 ' then
            found[#found + 1] = string.sub(all[i], 3)
            found[#found + 1] = all[i + 1]
          end
        end
        if not at then return {} end
        found[1] = at
        return found
        """;

    /// <summary>KEYS: hash. ARGV: cursor, token, life of the hash in ms.</summary>
    public const string Begin = Functions + """
        drop()
        redis.call('HMSET', KEYS[1], 'at', ARGV[1], 'rebuilding', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return 1
        """;

    /// <summary>KEYS: hash. ARGV: token, cap, life of the sets in ms; then channels as for <see cref="Apply"/>. Returns whether the sets are whole now.</summary>
    public const string Complete = Functions + """
        if redis.call('HGET', KEYS[1], 'rebuilding') ~= ARGV[1] then return 0 end
        if not each(4, tonumber(ARGV[2]), ARGV[3]) then
          drop()
          return 0
        end
        redis.call('HDEL', KEYS[1], 'rebuilding')
        return 1
        """;
}

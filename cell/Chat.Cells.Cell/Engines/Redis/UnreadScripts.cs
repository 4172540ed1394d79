namespace Chat.Cells.Cell.Engines.Redis;

/// <summary>
/// The unread sets of one user: a hash <c>unread:{user}</c> with <c>to</c> (the cursor that the sets reach to), <c>rebuilding</c> (a token) and per channel
/// <c>n:channel</c> = "count pointer pointer-with-cursor cursor trimmed" (see <see cref="Ports.ReadMark"/>; "-" for what isn't there), and a sorted set
/// <c>unread:{user}:channel</c> for each channel, of ids each followed by the message's cursor. The sets' keys are made from the hash's key, which has the user as its hash
/// tag: they lie on its node. The hash expires before any set does, and a set that was evicted is found by its count, so nothing is ever counted from half of it.
/// </summary>
/// <remarks>Servers before read cursors kept <c>at</c> instead of <c>to</c>, and sets of bare ids: what they wrote isn't known here, nor what is written here there.</remarks>
internal static class UnreadScripts
{
    /// <summary>
    /// Ids and cursors have one length each and sort by their bytes; Lua's own comparison follows the server's locale. <c>change</c> is the twin of the memory engine's
    /// <c>UserUnread.ChannelSet.Apply</c>; it returns false when what is unread is no longer known.
    /// </summary>
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
        local function higher(a, b)
          if above(a, b) then return a end
          return b
        end
        local function drop()
          local fields = redis.call('HKEYS', KEYS[1])
          for i = 1, #fields do
            if string.sub(fields[i], 1, 2) == 'n:' then redis.call('DEL', KEYS[1] .. ':' .. string.sub(fields[i], 3)) end
          end
          redis.call('DEL', KEYS[1])
        end
        local function load(channel)
          local known = redis.call('HGET', KEYS[1], 'n:' .. channel) or '0 - - - -'
          local part = {}
          for word in string.gmatch(known, '%S+') do
            if word == '-' then word = '' end
            part[#part + 1] = word
          end
          return tonumber(part[1]), {upto = part[2], with = part[3], cursor = part[4]}, part[5]
        end
        local function text(word)
          if word == '' then return '-' end
          return word
        end
        local function below(read, cursor)
          return read.with == '' or above(read.upto, read.with) or not above(cursor, read.cursor)
        end
        local function covers(read, message)
          return read.upto ~= '' and not above(string.sub(message, 1, 26), read.upto) and below(read, string.sub(message, 27))
        end
        local function change(channel, left, mark, more, added, cap, life)
          local key = KEYS[1] .. ':' .. channel
          local count, read, trimmed = load(channel)
          if redis.call('ZCARD', key) ~= count then
            if count > 0 then return false end
            redis.call('DEL', key)
          end
          if left then
            redis.call('DEL', key)
            trimmed = ''
          end
          if mark.upto ~= '' then
            read = {upto = higher(mark.upto, read.upto), with = higher(mark.with, read.with), cursor = higher(mark.cursor, read.cursor)}
            local candidates = redis.call('ZRANGEBYLEX', key, '-', '[' .. read.upto .. '~')
            local removed = {}
            for i = 1, #candidates do
              if covers(read, candidates[i]) then removed[#removed + 1] = candidates[i] end
            end
            if #removed > 0 then
              redis.call('ZREM', key, unpack(removed))
              if trimmed ~= '' and not below(read, trimmed) then return false end
              trimmed = ''
            end
          end
          for i = 1, #added do
            if not covers(read, added[i]) then
              local id = string.sub(added[i], 1, 26)
              local same = redis.call('ZRANGEBYLEX', key, '[' .. id, '[' .. id .. '~')[1]
              if not same then
                redis.call('ZADD', key, 0, added[i])
              elseif above(added[i], same) then
                redis.call('ZREM', key, same)
                redis.call('ZADD', key, 0, added[i])
              end
            elseif more ~= '' then
              if not below(read, more) then return false end
              more = ''
            end
          end
          local over = redis.call('ZRANGE', key, 0, -(cap + 1))
          for i = 1, #over do trimmed = higher(string.sub(over[i], 27), trimmed) end
          if #over > 0 then redis.call('ZREMRANGEBYRANK', key, 0, -(cap + 1)) end
          trimmed = higher(more, trimmed)
          redis.call('PEXPIRE', key, life)
          redis.call('HSET', KEYS[1], 'n:' .. channel, redis.call('ZCARD', key) .. ' ' .. text(read.upto) .. ' ' .. text(read.with) .. ' ' .. text(read.cursor) .. ' ' .. text(trimmed))
          return true
        end
        local function each(from, cap, life)
          local i = from
          while ARGV[i] do
            local channel, left, n = ARGV[i], ARGV[i + 1] == '1', tonumber(ARGV[i + 6])
            local mark = {upto = ARGV[i + 2], with = ARGV[i + 3], cursor = ARGV[i + 4]}
            local added = {}
            for k = 1, n do added[k] = ARGV[i + 6 + k] end
            if left and redis.call('HEXISTS', KEYS[1], 'rebuilding') == 1 then return false end
            if not change(channel, left, mark, ARGV[i + 5], added, cap, life) then return false end
            i = i + 7 + n
          end
          return true
        end

        """;

    /// <summary>
    /// KEYS: hash. ARGV: previous cursor, cursor, cap, life of the sets in ms; then per channel: channel, left (0 or 1), pointer, pointer with a cursor, cursor and trimmed
    /// (each or nothing), number of messages, messages (id and cursor).
    /// </summary>
    public const string Apply = Functions + """
        local to = redis.call('HGET', KEYS[1], 'to')
        if not to or not above(ARGV[2], to) then return 0 end
        if above(ARGV[1], to) or not each(5, tonumber(ARGV[3]), ARGV[4]) then
          drop()
          return -1
        end
        redis.call('HSET', KEYS[1], 'to', ARGV[2])
        return 1
        """;

    /// <summary>KEYS: hash. Returns nothing when it isn't known, else the cursor, then channel and "count pointer …" of each channel with unread messages.</summary>
    public const string Read = """
        local all = redis.call('HGETALL', KEYS[1])
        local found, to = {''}, nil
        for i = 1, #all, 2 do
          if all[i] == 'to' then
            to = all[i + 1]
          elseif all[i] == 'rebuilding' then
            return {}
          elseif string.sub(all[i + 1], 1, 2) ~= '0 ' then
            found[#found + 1] = string.sub(all[i], 3)
            found[#found + 1] = all[i + 1]
          end
        end
        if not to then return {} end
        found[1] = to
        return found
        """;

    /// <summary>KEYS: hash. ARGV: cursor, token, life of the hash in ms.</summary>
    public const string Begin = Functions + """
        drop()
        redis.call('HMSET', KEYS[1], 'to', ARGV[1], 'rebuilding', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return 1
        """;

    /// <summary>
    /// KEYS: hash. ARGV: token, cap, life of the sets in ms, whether this is the last part (0 or 1); then channels as for <see cref="Apply"/>. Returns whether all is well so far; after the
    /// last part the sets are whole.
    /// </summary>
    public const string Complete = Functions + """
        if redis.call('HGET', KEYS[1], 'rebuilding') ~= ARGV[1] then return 0 end
        if not each(5, tonumber(ARGV[2]), ARGV[3]) then
          drop()
          return 0
        end
        if ARGV[4] == '1' then redis.call('HDEL', KEYS[1], 'rebuilding') end
        return 1
        """;
}

using System.Collections.Concurrent;

namespace Chat.Cells.Cell.Connections;

/// <summary>This server's sockets by user. Reading takes no lock.</summary>
internal sealed class ConnectionRegistry
{
    private readonly ConcurrentDictionary<string, Connection[]> users = new(StringComparer.Ordinal);
    private readonly Lock changing = new();
    private int count;
    private int places;

    /// <summary>How many sockets there are.</summary>
    public int Count => Volatile.Read(ref count);

    /// <summary>Takes a place for a socket that is being opened, of at most so many; to be given back by <see cref="Leave"/> when it has ended, or was refused.</summary>
    public bool TryEnter(int max)
    {
        if (Interlocked.Increment(ref places) <= max) return true;
        Leave();
        return false;
    }

    public void Leave() => Interlocked.Decrement(ref places);

    public void Add(Connection connection)
    {
        lock (changing)
        {
            users[connection.UserId] = users.TryGetValue(connection.UserId, out var others) ? [.. others, connection] : [connection];
            count++;
        }
    }

    /// <summary>True when it was the user's last socket here.</summary>
    public bool Remove(Connection connection)
    {
        lock (changing)
        {
            if (!users.TryGetValue(connection.UserId, out var all) || !all.Contains(connection)) return false;
            count--;
            var others = all.Where(c => c != connection).ToArray();
            if (others.Length > 0)
            {
                users[connection.UserId] = others;
                return false;
            }
            users.TryRemove(connection.UserId, out _);
            return true;
        }
    }

    /// <summary>The sockets of a user; empty when there are none. Not to be changed.</summary>
    public Connection[] Of(string userId) => users.TryGetValue(userId, out var all) ? all : [];

    /// <summary>The users with sockets, at this moment.</summary>
    public string[] UserIds() => [.. users.Keys];

    public IEnumerable<Connection> All() => users.Values.SelectMany(c => c);
}

using StackExchange.Redis;

namespace Chat.Cells.Processes.Engines;

/// <summary>What cells keep in a Redis that outlives the run: keys that begin with the cell's name and a colon.</summary>
internal sealed class RedisNames(string endpoint, string? password, IReadOnlyList<CellSpec> cells)
{
    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        var configuration = new ConfigurationOptions { Password = password, AbortOnConnectFail = true, ConnectTimeout = 10_000, SyncTimeout = 10_000 };
        configuration.EndPoints.Add(endpoint);
        using var redis = await ConnectionMultiplexer.ConnectAsync(configuration);
        foreach (var node in redis.GetEndPoints())
        {
            var server = redis.GetServer(node);
            if (server.IsSlave) continue;
            foreach (var cell in cells)
            {
                foreach (var keys in server.Keys(pattern: cell.Name + ":*", pageSize: 1_000).Chunk(1_000))
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    // One by one, in one pipeline: in a cluster the keys lie in many slots.
                    await Task.WhenAll(keys.Select(key => redis.GetDatabase().KeyDeleteAsync(key)));
                }
            }
        }
    }
}

using System.Runtime.CompilerServices;
using Cassandra;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Cell.Engines.Cassandra;

/// <summary>
/// <see cref="IMessageStore"/> and <see cref="IAccountStore"/> on Cassandra, LOCAL_QUORUM throughout. Rows are written with timestamps that are functions of the rows
/// themselves, so that replays, two workers at once and wrong clocks change nothing; where uniqueness is at stake a lightweight transaction decides.
/// </summary>
public sealed partial class CassandraStore : IMessageStore, IAccountStore, IDurabilitySource
{
    /// <summary>How many buckets are remembered as known to the ring, so that not every row repeats its bucket's.</summary>
    private const int RememberedBuckets = 50_000;

    /// <summary>The most rows, and the most bytes unless it is one row, of a batch for one partition.</summary>
    private const int BatchRows = 64;
    private const int BatchBytes = 48 * 1024;

    private readonly CassandraStoreOptions options;
    private readonly TimeProvider time;
    private readonly RingConnection connection;
    private readonly LightweightTransactions transactions;
    private readonly SemaphoreSlim writeSlots;
    private readonly SemaphoreSlim readSlots;
    private readonly RecentCache<(string, int), bool> channelBuckets = new(RememberedBuckets);
    private readonly RecentCache<(string, int, int), bool> inboxBuckets = new(RememberedBuckets);
    private readonly string runId = Ulid.NewUlid().ToString();
    private readonly ILogger logger;

    private CassandraStore(RingConnection connection, CassandraStoreOptions options, TimeProvider time, ILogger<CassandraStore> logger)
    {
        this.connection = connection;
        this.options = options;
        this.time = time;
        this.logger = logger;
        transactions = new LightweightTransactions(time);
        writeSlots = new SemaphoreSlim(options.MaxInFlight);
        readSlots = new SemaphoreSlim(options.MaxInFlight);
    }

    /// <summary>Connects, and makes or upgrades the schema. A ring that can't be reached is no error: it is connected to when it comes, and until then every call fails.</summary>
    /// <exception cref="StoreException">Wrong credentials, datacenter or replication, or a schema of a newer program: the message says what to change.</exception>
    public static async ValueTask<CassandraStore> OpenAsync(CassandraStoreOptions options, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken) =>
        new(await RingConnection.OpenAsync(options, time, loggers, cancellationToken), options, time, loggers.CreateLogger<CassandraStore>());

    public ValueTask DisposeAsync() => connection.DisposeAsync();

    public async Task<EngineDurability> ReadDurabilityAsync(CancellationToken cancellationToken)
    {
        var rows = await OnRingAsync(ring => ReadAsync(
            ring, new SimpleStatement($"SELECT durable_writes, replication FROM system_schema.keyspaces WHERE keyspace_name = '{options.Keyspace}'"), cancellationToken));
        if (rows.FirstOrDefault() is not { } row) return new EngineDurability("cassandra", false, "the keyspace is not there");
        var durable = row.GetValue<bool>("durable_writes");
        var copies = row.GetMap<string, string>("replication").Where(r => r.Key != "class").OrderBy(r => r.Key, StringComparer.Ordinal).Select(r => $"{r.Key}={r.Value}");
        return new EngineDurability("cassandra", durable, $"LOCAL_QUORUM, durable_writes={(durable ? "true" : "false")}, copies {string.Join(", ", copies)}");
    }

    /// <summary>Does something on the ring; the driver's errors become the store's.</summary>
    private async ValueTask<T> OnRingAsync<T>(Func<Ring, Task<T>> call)
    {
        var ring = connection.Ring;
        try
        {
            return await call(ring);
        }
        catch (DriverException e)
        {
            throw StoreErrors.ToStore(e);
        }
    }

    private async ValueTask OnRingAsync(Func<Ring, Task> call)
    {
        var ring = connection.Ring;
        try
        {
            await call(ring);
        }
        catch (DriverException e)
        {
            throw StoreErrors.ToStore(e);
        }
    }

    private async Task<RowSet> WriteAsync(Ring ring, IStatement statement, CancellationToken cancellationToken)
    {
        await writeSlots.WaitAsync(cancellationToken);
        try
        {
            return await ring.Session.ExecuteAsync(statement, cancellationToken);
        }
        finally
        {
            writeSlots.Release();
        }
    }

    private async Task<RowSet> ReadAsync(Ring ring, IStatement statement, CancellationToken cancellationToken)
    {
        await readSlots.WaitAsync(cancellationToken);
        try
        {
            return await ring.Session.ExecuteAsync(statement, cancellationToken);
        }
        finally
        {
            readSlots.Release();
        }
    }

    /// <summary>A row, or none, of a partition.</summary>
    private async Task<Row?> ReadOneAsync(Ring ring, IStatement statement, CancellationToken cancellationToken) => (await ReadAsync(ring, statement, cancellationToken)).FirstOrDefault();

    /// <summary>All rows, a page at a time: the next page is asked for when the last row of this one was taken.</summary>
    private async IAsyncEnumerable<Row> ReadPagesAsync(Ring ring, BoundStatement statement, int pageSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var page = await ReadAsync(ring, statement.SetPageSize(pageSize), cancellationToken);
        while (true)
        {
            foreach (var row in page) yield return row;
            if (page.PagingState is null) yield break;
            page = await page.FetchNextPageAsync(cancellationToken);
        }
    }

    /// <summary>
    /// Does something with all items, a bounded number at once. When one fails no further ones are begun, and those under way are waited for: nothing goes on behind the
    /// caller's back, and a ring that is down is not asked once for every row.
    /// </summary>
    private async Task AllAsync<T>(IReadOnlyList<T> items, Func<T, Task> write)
    {
        if (items.Count == 0) return;
        var next = -1;
        var failed = false;
        var workers = new Task[Math.Min(items.Count, options.MaxInFlight)];
        for (var i = 0; i < workers.Length; i++) workers[i] = WorkAsync();
        await Task.WhenAll(workers);

        async Task WorkAsync()
        {
            while (!Volatile.Read(ref failed) && Interlocked.Increment(ref next) is var i && i < items.Count)
            {
                try
                {
                    await write(items[i]);
                }
                catch (Exception)
                {
                    Volatile.Write(ref failed, true);
                    throw;
                }
            }
        }
    }

    private static bool IsKnown<TKey>(RecentCache<TKey, bool> buckets, TKey bucket)
        where TKey : notnull
    {
        lock (buckets) return buckets.TryGet(bucket, out _);
    }

    private static void Remember<TKey>(RecentCache<TKey, bool> buckets, TKey bucket)
        where TKey : notnull
    {
        lock (buckets) buckets.Set(bucket, true);
    }
}

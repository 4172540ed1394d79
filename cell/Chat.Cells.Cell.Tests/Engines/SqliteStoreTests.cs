using Chat.Cells.Cell.Engines.Sqlite;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>The message store's contract on SQLite.</summary>
[ContractSuite(nameof(IMessageStore), "sqlite")]
public sealed class SqliteMessageStoreTests : StoreReplayContract
{
    private readonly TempFolder folder = new();

    protected override async ValueTask<IMessageStore> OpenAsync() =>
        await SqliteStore.OpenAsync(
            Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), new FakeTime(DateTimeOffset.FromUnixTimeMilliseconds(Now)), NullLogger<SqliteStore>.Instance, default);

    protected override ValueTask CleanUpAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The account store's contract on SQLite.</summary>
[ContractSuite(nameof(IAccountStore), "sqlite")]
public sealed class SqliteAccountStoreTests : AccountStoreContract
{
    private readonly TempFolder folder = new();
    private SqliteStore? store;

    protected override async ValueTask<IAccountStore> OpenAsync() =>
        store = await SqliteStore.OpenAsync(Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, default);

    protected override async ValueTask CloseAsync()
    {
        await store!.DisposeAsync();
        folder.Dispose();
    }
}

/// <summary>The topics' generations on SQLite.</summary>
[ContractSuite(nameof(ITopicGenerations), "sqlite")]
public sealed class SqliteTopicGenerationsTests : TopicGenerationsContract
{
    private readonly TempFolder folder = new();
    private SqliteStore? store;

    protected override async ValueTask<ITopicGenerations> OpenAsync() =>
        store = await SqliteStore.OpenAsync(Path.Combine(folder.Path, "store.db"), new SqliteStoreOptions(), TimeProvider.System, NullLogger<SqliteStore>.Instance, default);

    protected override async ValueTask CloseAsync()
    {
        await store!.DisposeAsync();
        folder.Dispose();
    }
}

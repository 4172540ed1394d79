using Chat.Cells.Cell.Engines.Cassandra;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts;
using Chat.Cells.Cell.Tests.Contracts.Running;

namespace Chat.Cells.Cell.Tests.Engines.Cassandra;

/// <summary>The message store's contract on a Cassandra ring.</summary>
[Needs(Needed.Cassandra)]
[ContractSuite(nameof(IMessageStore), "cassandra")]
[Collection("Cassandra")]
public sealed class CassandraMessageStoreTests(CassandraRing ring) : StoreReplayContract, IClassFixture<CassandraRing>
{
    protected override string? EngineVersion => ring.Version;

    protected override async ValueTask<IMessageStore> OpenAsync() => await ring.OpenAsync(ShiftedTime.At(Now));

    protected override ValueTask CleanUpAsync() => ValueTask.CompletedTask;
}

/// <summary>The account store's contract on a Cassandra ring.</summary>
[Needs(Needed.Cassandra)]
[ContractSuite(nameof(IAccountStore), "cassandra")]
[Collection("Cassandra")]
public sealed class CassandraAccountStoreTests(CassandraRing ring) : AccountStoreContract, IClassFixture<CassandraRing>
{
    protected override string? EngineVersion => ring.Version;

    private CassandraStore? store;

    protected override async ValueTask<IAccountStore> OpenAsync() => store = await ring.OpenAsync();

    protected override ValueTask CloseAsync() => store?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>The contract of the log's generations on a Cassandra ring.</summary>
[Needs(Needed.Cassandra)]
[ContractSuite(nameof(ITopicGenerations), "cassandra")]
[Collection("Cassandra")]
public sealed class CassandraTopicGenerationsTests(CassandraRing ring) : TopicGenerationsContract, IClassFixture<CassandraRing>
{
    private CassandraStore? store;

    protected override async ValueTask<ITopicGenerations> OpenAsync() => store = await ring.OpenAsync();

    protected override ValueTask CloseAsync() => store?.DisposeAsync() ?? ValueTask.CompletedTask;
}

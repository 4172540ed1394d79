using Chat.Cells.Cell.Engines.Files;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Contracts.Running;
using Chat.Cells.Cell.Tests.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Engines;

/// <summary>The contract on segment files.</summary>
[ContractSuite(nameof(IMessageLog), "files")]
public sealed class SegmentLogTests : ConsumerGroupContract
{
    private readonly TempFolder folder = new();

    protected override async ValueTask<IMessageLog> OpenAsync() =>
        await SegmentLog.OpenAsync(folder.Path, new SegmentLogOptions(), TimeProvider.System, NullLogger<SegmentLog>.Instance, default);

    protected override ValueTask CleanUpAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The contract with segments and a cache so small that everything is rolled and read from files.</summary>
[ContractSuite(nameof(IMessageLog), "files")]
public sealed class SmallSegmentLogTests : ConsumerGroupContract
{
    private readonly TempFolder folder = new();

    protected override async ValueTask<IMessageLog> OpenAsync() =>
        await SegmentLog.OpenAsync(folder.Path, new SegmentLogOptions { SegmentBytes = 500, CacheBytes = 200 }, TimeProvider.System, NullLogger<SegmentLog>.Instance, default);

    protected override ValueTask CleanUpAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Hosting;

public sealed class CellEnginesTests
{
    [Fact]
    public async Task Open_FolderThatAnotherProcessHas_LeavesItsStoreAlone()
    {
        var folder = TestCell.NewFolder();
        try
        {
            var options = TestCell.DefaultOptions(folder);
            var log = Path.Combine(options.DataDirectory, "log");
            Directory.CreateDirectory(log);
            await using var other = new FileStream(Path.Combine(log, "lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);

            await Assert.ThrowsAsync<LogException>(() => CellEngines.OpenAsync(options, TimeProvider.System, NullLoggerFactory.Instance, default));

            Assert.False(File.Exists(Path.Combine(options.DataDirectory, "store.db")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

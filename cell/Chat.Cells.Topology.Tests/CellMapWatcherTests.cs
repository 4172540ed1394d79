namespace Chat.Cells.Topology.Tests;

public sealed class CellMapWatcherTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("topology").FullName;

    private string MapPath => Path.Combine(directory, "cells.json");

    private string CopyPath => Path.Combine(directory, "copy", "cells.json");

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Fact]
    public async Task Poll_NewerFile_IsTakenOnceAndAnnounced()
    {
        await using var watcher = new CellMapWatcher(MapPath);
        var versions = new List<long>();
        watcher.Changed += map => versions.Add(map.Version);
        Assert.False(watcher.Poll());
        Assert.Null(watcher.Current);
        Assert.NotNull(watcher.LastError);

        CellMapFile.Write(MapPath, Maps.TwoRegions(4));
        Assert.True(watcher.Poll());
        Assert.False(watcher.Poll());
        CellMapFile.Write(MapPath, Maps.TwoRegions(5));
        Assert.True(watcher.Poll());
        Assert.Equal([4, 5], versions);
        Assert.Null(watcher.LastError);
    }

    [Fact]
    public async Task Poll_OlderCorruptEmptyOrMissingFile_KeepsTheMap()
    {
        CellMapFile.Write(MapPath, Maps.TwoRegions(4));
        await using var watcher = new CellMapWatcher(MapPath);
        Assert.True(watcher.Poll());

        CellMapFile.Write(MapPath, Maps.TwoRegions(3));
        Assert.False(watcher.Poll());
        Assert.Contains("version is 3", watcher.LastError);

        await File.WriteAllTextAsync(MapPath, "{\"version\":9");
        Assert.False(watcher.Poll());
        Assert.Contains("JSON", watcher.LastError);

        await File.WriteAllTextAsync(MapPath, CellMapFile.Serialize(Maps.TwoRegions(9)).Replace("us-east-1", "us-east-2", StringComparison.Ordinal));
        Assert.False(watcher.Poll());
        Assert.Contains("checksum", watcher.LastError);

        await File.WriteAllTextAsync(MapPath, "");
        Assert.False(watcher.Poll());

        File.Delete(MapPath);
        Assert.False(watcher.Poll());
        Assert.Equal(4, watcher.Current?.Version);

        CellMapFile.Write(MapPath, Maps.TwoRegions(5));
        Assert.True(watcher.Poll());
        Assert.Equal(5, watcher.Current?.Version);
    }

    [Fact]
    public async Task Poll_OtherContentUnderTheSameVersion_IsRefused()
    {
        CellMapFile.Write(MapPath, Maps.TwoRegions(4));
        await using var watcher = new CellMapWatcher(MapPath);
        watcher.Poll();
        CellMapFile.Write(MapPath, Maps.Create(4, Maps.Cell("other", 9, "mars")));
        Assert.False(watcher.Poll());
        Assert.NotNull(watcher.Current?.Find("eu-west-1"));
        CellMapFile.Write(MapPath, Maps.TwoRegions(4));
        Assert.False(watcher.Poll());
        Assert.Null(watcher.LastError);
    }

    [Fact]
    public async Task Start_FileGone_UsesTheCopy()
    {
        CellMapFile.Write(MapPath, Maps.TwoRegions(4));
        await using (var before = new CellMapWatcher(MapPath, new CellMapWatcherOptions { CopyPath = CopyPath })) before.Start();
        File.Delete(MapPath);

        await using var watcher = new CellMapWatcher(MapPath, new CellMapWatcherOptions { CopyPath = CopyPath });
        watcher.Start();
        Assert.Equal(4, (await watcher.WaitForMapAsync(CancellationToken.None)).Version);
    }

    [Fact]
    public async Task Start_FileOlderThanTheCopy_DoesNotGoBack()
    {
        CellMapFile.Write(CopyPath, Maps.TwoRegions(8));
        CellMapFile.Write(MapPath, Maps.TwoRegions(7));
        await using var watcher = new CellMapWatcher(MapPath, new CellMapWatcherOptions { CopyPath = CopyPath });
        watcher.Start();
        Assert.Equal(8, watcher.Current?.Version);
    }

    [Fact]
    public async Task Start_CorruptCopy_UsesTheFileAndRepairsTheCopy()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(CopyPath)!);
        await File.WriteAllTextAsync(CopyPath, "garbage");
        CellMapFile.Write(MapPath, Maps.TwoRegions(7));
        await using var watcher = new CellMapWatcher(MapPath, new CellMapWatcherOptions { CopyPath = CopyPath });
        watcher.Start();
        Assert.Equal(7, watcher.Current?.Version);
        Assert.Equal(7, CellMapFile.Read(CopyPath).Version);
    }

    [Fact]
    public async Task Start_CopyThatCannotBeWritten_StillTakesTheMap()
    {
        await File.WriteAllTextAsync(Path.Combine(directory, "copy"), "a file where the folder should be");
        CellMapFile.Write(MapPath, Maps.TwoRegions(7));
        await using var watcher = new CellMapWatcher(MapPath, new CellMapWatcherOptions { CopyPath = CopyPath });
        watcher.Start();
        Assert.Equal(7, watcher.Current?.Version);
    }

    // A ConfigMap is mounted so: cells.json -> ..data/cells.json, ..data -> a folder of each version.
    [Fact]
    public async Task Poll_MountedConfigMap_FollowsTheLinks()
    {
        CellMapFile.Write(Path.Combine(directory, "..v1", "cells.json"), Maps.TwoRegions(1));
        CellMapFile.Write(Path.Combine(directory, "..v2", "cells.json"), Maps.TwoRegions(2));
        Directory.CreateSymbolicLink(Path.Combine(directory, "..data"), "..v1");
        File.CreateSymbolicLink(MapPath, Path.Combine("..data", "cells.json"));
        await using var watcher = new CellMapWatcher(MapPath);
        Assert.True(watcher.Poll());
        Directory.Delete(Path.Combine(directory, "..data"));
        Directory.CreateSymbolicLink(Path.Combine(directory, "..data"), "..v2");
        Assert.True(watcher.Poll());
        Assert.Equal(2, watcher.Current?.Version);
    }

    [Fact]
    public async Task Start_FileAppearsLater_IsFoundByItself()
    {
        await using var watcher = new CellMapWatcher(MapPath, new CellMapWatcherOptions { PollInterval = TimeSpan.FromMilliseconds(20) });
        watcher.Start();
        CellMapFile.Write(MapPath, Maps.TwoRegions(3));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        Assert.Equal(3, (await watcher.WaitForMapAsync(limit.Token)).Version);
    }
}

using System.Text.Json.Nodes;
using Chat.Cells.LocalCluster.ApiServer.Storage;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.LocalCluster.Tests.ApiServer;

public sealed class StoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("store-test-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Open_AfterATornTail_HasEverythingBeforeIt()
    {
        await using (var store = Open())
        {
            await PutAsync(store, "a", 1);
            await PutAsync(store, "b", 2);
        }

        var path = Path.Combine(_directory, "journal.bin");
        var whole = await File.ReadAllBytesAsync(path);
        for (var cut = 1; cut < 40; cut += 7)
        {
            await File.WriteAllBytesAsync(path, whole[..^cut]);
            await using var store = Open();
            Assert.Equal(["a"], store.Read().Objects.All.Select(o => o.Key.Name));
            Assert.Equal(1, store.Read().Version);
            await PutAsync(store, "c", 3);
        }

        await using var again = Open();
        Assert.Equal(["a", "c"], again.Read().Objects.All.Select(o => o.Key.Name));
    }

    [Fact]
    public async Task Open_AfterADamagedByte_KeepsTheGoodRecordsBeforeIt()
    {
        long first;
        await using (var store = Open())
        {
            await PutAsync(store, "a", 1);
            first = new FileInfo(Path.Combine(_directory, "journal.bin")).Length;
            await PutAsync(store, "b", 2);
        }

        var path = Path.Combine(_directory, "journal.bin");
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[first + 20] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        await using var reopened = Open();
        Assert.Equal(["a"], reopened.Read().Objects.All.Select(o => o.Key.Name));
    }

    [Fact]
    public async Task Snapshot_KeepsTheStateAndTheCounter()
    {
        await using (var store = Open(compactAt: 600))
        {
            for (var i = 0; i < 30; i++)
            {
                await PutAsync(store, $"m{i % 5}", i);
            }

            await store.WriteAsync(t => t.Delete(new ObjectKey("things", "ns", "m4")), CancellationToken.None);
        }

        Assert.True(File.Exists(Path.Combine(_directory, "snapshot.bin")));
        await using var reopened = Open();
        Assert.Equal(31, reopened.Read().Version);
        Assert.Equal(["m0", "m1", "m2", "m3"], reopened.Read().Objects.All.Select(o => o.Key.Name));
        Assert.Equal(28, (long)reopened.Read().Objects.Get(new ObjectKey("things", "ns", "m3"))!.Parse()["value"]!);
    }

    [Fact]
    public async Task Open_OfADamagedSnapshot_IsRefusedInsteadOfLosingObjects()
    {
        await using (var store = Open(compactAt: 1))
        {
            await PutAsync(store, "a", 1);
        }

        var path = Path.Combine(_directory, "snapshot.bin");
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^3] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);
        Assert.Throws<InvalidDataException>(() => Open());
    }

    [Fact]
    public async Task Write_ThatThrows_LeavesNothing()
    {
        await using var store = Open();
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.WriteAsync<int>(
            t =>
            {
                t.Put(new ObjectKey("things", "ns", "a"), new JsonObject { ["metadata"] = new JsonObject() });
                throw new InvalidOperationException("no");
            },
            CancellationToken.None));
        Assert.Empty(store.Read().Objects.All);
        Assert.Equal(0, store.Read().Version);
    }

    [Fact]
    public void AnyHistory_ReplayedOrRewound_IsTheSame() =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<byte[]>(),
            steps =>
            {
                var folder = Path.Combine(_directory, Guid.NewGuid().ToString("N"));
                return RunAsync(steps, folder);
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));

    private static async Task<bool> RunAsync(byte[] steps, string folder)
    {
        var states = new List<(long Version, string State)>();
        static string Show(ObjectIndex objects) => string.Join(';', objects.All.Select(o => $"{o.Key}={o.Parse()["value"]}@{o.ResourceVersion}"));
        await using (var store = ObjectStore.Open(folder, 1000, 700, NullLogger.Instance))
        {
            states.Add((0, Show(store.Read().Objects)));
            foreach (var step in steps)
            {
                var key = new ObjectKey("things", "ns", $"m{step % 4}");
                await store.WriteAsync(
                    t =>
                    {
                        if (step >= 192 && t.Get(key) is not null)
                        {
                            t.Delete(key);
                        }
                        else
                        {
                            t.Put(key, new JsonObject { ["metadata"] = new JsonObject { ["name"] = key.Name }, ["value"] = step });
                        }

                        return 0;
                    },
                    CancellationToken.None);
                states.Add((store.Read().Version, Show(store.Read().Objects)));
            }

            var snapshot = store.Read();
            foreach (var (version, state) in states)
            {
                if (store.Changes.Rewind(snapshot, version) is not { } then || Show(then) != state)
                {
                    return false;
                }
            }
        }

        await using var reopened = ObjectStore.Open(folder, 1000, 700, NullLogger.Instance);
        return Show(reopened.Read().Objects) == states[^1].State && reopened.Read().Version == states[^1].Version;
    }

    private ObjectStore Open(long compactAt = long.MaxValue) => ObjectStore.Open(_directory, 100, compactAt, NullLogger.Instance);

    private static Task<StoredObject> PutAsync(ObjectStore store, string name, int value) => store.WriteAsync(
        t => t.Put(new ObjectKey("things", "ns", name), new JsonObject { ["metadata"] = new JsonObject { ["name"] = name }, ["value"] = value }),
        CancellationToken.None);
}

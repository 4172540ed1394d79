using System.Globalization;

namespace Chat.Cells.LocalCluster.Up;

/// <summary>Held while a cluster runs on a data folder. The kernel drops it with the process, however that ends.</summary>
public sealed class FolderLock : IDisposable
{
    private readonly FileStream file;

    private FolderLock(FileStream file) => this.file = file;

    /// <summary>Takes the lock and notes who has it.</summary>
    /// <exception cref="UpException">Another process has it.</exception>
    public static FolderLock Take(ClusterPaths paths)
    {
        var owner = paths.Lock + ".pid";
        FileStream held;
        try
        {
            held = new FileStream(paths.Lock, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(paths.Lock))
        {
            var pid = File.Exists(owner) ? File.ReadAllText(owner).Trim() : "unknown";
            throw new UpException($"a cluster already runs on {paths.Data} (process {pid}). Stop it there with Ctrl-C or `make down`, or give another folder with --data.", e);
        }

        File.WriteAllText(owner, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new FolderLock(held);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        file.Dispose();
    }
}

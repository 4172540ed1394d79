using Chat.Cells.LocalCluster.Processes;

namespace Chat.Cells.LocalCluster.PodRunner.Volumes;

/// <summary>One file of a ConfigMap or Secret volume.</summary>
/// <param name="Path">Relative to the volume, '/' separated.</param>
/// <param name="Content">The bytes.</param>
/// <param name="Mode">Permissions.</param>
public sealed record ProjectedFile(string Path, byte[] Content, UnixFileMode Mode);

/// <summary>
/// A folder whose files change all at once: the files live in a hidden folder of this version, <c>..data</c> is a link to it that is swapped by rename, and
/// every visible name is a link through <c>..data</c>. The layout is a kubelet's, so programs that watch <c>..data</c> work as in a cluster.
/// </summary>
public static class ProjectedFolder
{
    private const string DataLink = "..data";

    /// <summary>Makes the folder show exactly these files. False when it did already and nothing was touched.</summary>
    /// <exception cref="ArgumentException">A path is absolute, leaves the folder, or begins with "..".</exception>
    public static bool Write(string folder, IReadOnlyList<ProjectedFile> files)
    {
        foreach (var file in files)
        {
            if (file.Path.Length == 0 || file.Path.StartsWith('/') || file.Path.Split('/').Any(part => part.StartsWith("..", StringComparison.Ordinal) || part is "." or ""))
            {
                throw new ArgumentException($"the path \"{file.Path}\" leaves its volume", nameof(files));
            }
        }

        Directory.CreateDirectory(folder);
        if (IsCurrent(folder, files))
        {
            return false;
        }

        var version = $"..{Guid.NewGuid():N}";
        foreach (var file in files)
        {
            var path = Path.Combine(folder, version, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            DurableFile.Write(path, file.Content, file.Mode);
        }

        Directory.CreateDirectory(Path.Combine(folder, version));
        var temporary = Path.Combine(folder, "..data_tmp");
        if (new FileInfo(temporary).LinkTarget is not null)
        {
            File.Delete(temporary);
        }

        var previous = new FileInfo(Path.Combine(folder, DataLink)).LinkTarget;
        File.CreateSymbolicLink(temporary, version);
        DurableFile.Rename(temporary, Path.Combine(folder, DataLink));

        var names = files.Select(file => file.Path.Split('/')[0]).ToHashSet(StringComparer.Ordinal);
        foreach (var name in names)
        {
            var visible = Path.Combine(folder, name);
            if (new FileInfo(visible).LinkTarget is null)
            {
                File.CreateSymbolicLink(visible, Path.Combine(DataLink, name));
            }
        }

        foreach (var stale in new DirectoryInfo(folder).EnumerateFileSystemInfos().Where(entry => !entry.Name.StartsWith("..", StringComparison.Ordinal) && !names.Contains(entry.Name)))
        {
            stale.Delete();
        }

        if (previous is not null && Directory.Exists(Path.Combine(folder, previous)))
        {
            Directory.Delete(Path.Combine(folder, previous), recursive: true);
        }

        return true;
    }

    private static bool IsCurrent(string folder, IReadOnlyList<ProjectedFile> files)
    {
        var data = Path.Combine(folder, DataLink);
        if (!Directory.Exists(data))
        {
            return false;
        }

        var present = Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories).Count();
        return present == files.Count && files.All(file =>
        {
            var path = Path.Combine(data, file.Path);
            return File.Exists(path) && File.ReadAllBytes(path).AsSpan().SequenceEqual(file.Content);
        });
    }
}

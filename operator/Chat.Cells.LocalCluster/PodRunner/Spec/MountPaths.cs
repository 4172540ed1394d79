using System.Text;

namespace Chat.Cells.LocalCluster.PodRunner.Spec;

/// <summary>
/// Stands for mounts, which a plain process does not have: where an argument or a variable names a mountPath (whole, or as the beginning of a longer path),
/// the volume's real folder is put in its place. "/data" is found in "--store=/data/a.db" and "Data Source=/data;x", not in "/database" or "/old/data".
/// </summary>
public sealed class MountPaths
{
    private readonly (string MountPath, string Folder)[] mounts;

    /// <summary>Takes mount paths with the folders behind them; of two that fit, the longer wins.</summary>
    public MountPaths(IEnumerable<(string MountPath, string Folder)> mounts) =>
        this.mounts = [.. mounts.Select(m => (MountPath: m.MountPath.TrimEnd('/'), m.Folder)).Where(m => m.MountPath.Length > 1).OrderByDescending(m => m.MountPath.Length)];

    /// <summary>Replaces every mount path in the text by its folder.</summary>
    public string Rewrite(string text)
    {
        if (mounts.Length == 0 || !text.Contains('/', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        var i = 0;
        while (i < text.Length)
        {
            if (text[i] == '/' && (i == 0 || !IsPathCharacter(text[i - 1]) || FollowsUriScheme(text, i)) && Match(text, i) is { } match)
            {
                result.Append(match.Folder);
                i += match.MountPath.Length;
            }
            else
            {
                result.Append(text[i++]);
            }
        }

        return result.ToString();
    }

    /// <summary>The folder that a path stands for; null when it is in no mount.</summary>
    public string? Folder(string path) => Match(path, 0) is { } match ? match.Folder + path[match.MountPath.Length..] : null;

    private (string MountPath, string Folder)? Match(string text, int at)
    {
        foreach (var mount in mounts)
        {
            var end = at + mount.MountPath.Length;
            if (string.CompareOrdinal(text, at, mount.MountPath, 0, mount.MountPath.Length) == 0
                && (end == text.Length || text[end] == '/' || !IsPathCharacter(text[end])))
            {
                return mount;
            }
        }

        return null;
    }

    // file:///data: the third slash begins the path
    private static bool FollowsUriScheme(string text, int at) => at >= 3 && text[at - 1] == '/' && text[at - 2] == '/' && text[at - 3] == ':';

    private static bool IsPathCharacter(char c) => char.IsLetterOrDigit(c) || c is '/' or '.' or '_' or '-' or '~' or '@' or '+' or '%';
}

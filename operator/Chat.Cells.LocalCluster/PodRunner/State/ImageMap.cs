
namespace Chat.Cells.LocalCluster.PodRunner.State;

/// <summary>Which command line stands for which image: a JSON object of image name to an array of program and arguments.</summary>
public sealed class ImageMap
{
    private readonly Dictionary<string, IReadOnlyList<string>> images;

    private ImageMap(Dictionary<string, IReadOnlyList<string>> images) => this.images = images;

    /// <summary>Reads the file.</summary>
    /// <exception cref="InvalidDataException">It is missing or not such an object; the message says what to do.</exception>
    public static ImageMap Load(string path)
    {
        try
        {
            var raw = JsonSerializer.Deserialize<Dictionary<string, string[]>>(File.ReadAllText(path)) ?? [];
            if (raw.FirstOrDefault(entry => entry.Value is not { Length: > 0 }) is { Key: { } empty })
            {
                throw new InvalidDataException($"{path}: the image {empty} has no command line.");
            }

            return new ImageMap(raw.ToDictionary(entry => entry.Key, entry => (IReadOnlyList<string>)entry.Value, StringComparer.Ordinal));
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path} is not an image map (a JSON object of image name to [program, argument, …]): {e.Message}", e);
        }
    }

    /// <summary>The command line of an image, or null when the image is not one of the project's own.</summary>
    public IReadOnlyList<string>? CommandLine(string image) =>
        images.GetValueOrDefault(image) ?? (image.StartsWith("docker.io/", StringComparison.Ordinal) ? images.GetValueOrDefault(image["docker.io/".Length..]) : null);

    /// <summary>What a pod with an unknown image is told.</summary>
    public string Refusal(string image) =>
        $"not supported here: image \"{image}\"; this machine runs no containers, only {(images.Count == 0 ? "nothing" : string.Join(", ", images.Keys.Order(StringComparer.Ordinal)))}";
}

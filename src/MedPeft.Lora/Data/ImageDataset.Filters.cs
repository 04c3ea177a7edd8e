using MedPeft.Lora.Data.Tables;
using MedPeft.Lora.Imaging;

namespace MedPeft.Lora.Data;

public sealed partial class ImageDataset
{
    /// <summary>The images of some views.</summary>
    /// <param name="views">The views to keep.</param>
    public ImageDataset WithViews(params ViewPosition[] views) => Where(r => Array.IndexOf(views, r.View) >= 0);

    /// <summary>The images of patients of one sex; those that do not say are left out.</summary>
    /// <param name="sex">The sex to keep.</param>
    public ImageDataset WithSex(Sex sex) => Where(r => r.Sex == sex);

    /// <summary>The images of patients of some ages; those that do not say are left out.</summary>
    /// <param name="from">The lowest age in years.</param>
    /// <param name="below">The age in years from which images are left out.</param>
    public ImageDataset WithAges(double from = 0, double below = double.PositiveInfinity) => Where(r => r.Age >= from && r.Age < below);

    /// <summary>The same images; their DICOM files become 8 bits in the way given.</summary>
    /// <param name="dicom">Frame, window and the rest, for all images.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public ImageDataset WithDicom(DicomOptions dicom)
    {
        ArgumentNullException.ThrowIfNull(dicom);
        dicom.Validate();
        return new ImageDataset(Name, Labels, Array.ConvertAll(_records, r => r with { Dicom = dicom }), Missing);
    }

    /// <summary>
    /// The images that a list names, in the list's order: bare names (official lists), or names with values (MED-PEFT's), whose values are not used.
    /// </summary>
    /// <param name="list">The list's path. An image is found by the end of its path, as much of it as the list gives.</param>
    /// <param name="name">The new set's name; this set's and the list's if null.</param>
    /// <exception cref="DatasetException">The list cannot be used, or names an image that this set lacks or has several times.</exception>
    public ImageDataset Listed(string list, string? name = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(list);
        var split = SplitList.Read(list, Labels);
        var byEnd = new Dictionary<int, ILookup<string, int>>();
        return Subset(split.Entries.Select(Find), name ?? $"{Name} {Path.GetFileName(list)}");

        int Find(SplitList.Entry entry)
        {
            var names = entry.Image.AsSpan().Count('/') + 1;
            if (!byEnd.TryGetValue(names, out var ends))
                byEnd.Add(names, ends = Enumerable.Range(0, Count).ToLookup(i => End(this[i].Path, names), StringComparer.Ordinal));
            var found = ends[entry.Image].Take(2).ToArray();
            if (found.Length == 1) return found[0];
            throw new DatasetException(
                list,
                found.Length == 0
                    ? $"the image {Quoted.Of(entry.Image)} is not in '{Name}'. Use the list of this data set, or open the whole of it."
                    : $"the image {Quoted.Of(entry.Image)} is in '{Name}' more than once. Give more of its path.",
                entry.Line);
        }
    }

    // The last names of a path: b/c.png of /a/b/c.png.
    private static string End(string path, int names)
    {
        var start = path.Length;
        while (names-- > 0 && start > 0) start = path.AsSpan(0, start - 1).LastIndexOfAny('/', '\\') + 1;
        return path[start..].Replace('\\', '/');
    }
}

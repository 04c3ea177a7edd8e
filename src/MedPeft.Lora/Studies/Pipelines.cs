using MedPeft.Lora.Imaging;
using MedPeft.Lora.Training;
using MedPeft.Lora.Vision;

namespace MedPeft.Lora.Studies;

/// <summary>The image pipelines of a cell, at the size and with the channels of its backbone.</summary>
internal static class Pipelines
{
    public static ImagePipeline Train(StudyPipeline kind, OptimizerKind optimizer, ViTConfig vit, Normalization pixels, bool redFill)
    {
        var size = vit.ImageSize;
        IReadOnlyList<ITensorTransform>? erasing = null;
        List<IImageTransform> steps = [kind == StudyPipeline.Gentle ? new RandomResizedCrop(size, minScale: .7) : new RandomResizedCrop(size), new HorizontalFlip()];
        if (Chosen(kind, optimizer) == StudyPipeline.AdamW)
        {
            steps.Add(RandAugment.For(pixels) with { ReferenceFill = redFill });
            erasing = [new RandomErasing()];
        }

        return new ImagePipeline([.. steps, new Grayscale()], pixels, size, vit.Channels, erasing);
    }

    public static ImagePipeline Evaluate(StudyPipeline kind, OptimizerKind optimizer, ViTConfig vit, Normalization pixels)
    {
        var size = vit.ImageSize;
        var resized = Chosen(kind, optimizer) == StudyPipeline.AdamW ? (int)(size / .875) : size;
        return new ImagePipeline([new Resize(resized), new CenterCrop(size), new Grayscale()], pixels, size, vit.Channels);
    }

    private static StudyPipeline Chosen(StudyPipeline kind, OptimizerKind optimizer) =>
        kind != StudyPipeline.Recipe ? kind : optimizer == OptimizerKind.AdamW ? StudyPipeline.AdamW : StudyPipeline.Sgd;
}
